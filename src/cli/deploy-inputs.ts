import * as z from 'zod/mini';
import { findRunning, stateFolder } from '../dev/run-state.ts';
import { newId } from '../message/id.ts';
import { modelReadyToDeploy, modelReadyToDeploySchema } from '../model-ready/contract.ts';
import { type Announced, announcementIn, type DeploymentRecord } from '../model-ready/deploy/record.ts';
import { check } from '../model-ready/judge/evaluation.ts';
import { readInputs } from './emit-inputs.ts';
import { BadInput, NotThere } from './exit.ts';

/** Where the platform is, and what was deployed last: of the environment, or of the system that runs here. */
export async function findEnvironment(environment: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  const { DEPLOYED_URL, TRANSPORT_URL } = environment;
  if (DEPLOYED_URL) return environment;
  if (TRANSPORT_URL?.startsWith('sqs:')) {
    throw new BadInput(
      "DEPLOYED_URL is not set: expected the output DeployedUrl of the functions' stack, such as s3://bucket/deployed",
    );
  }
  if (TRANSPORT_URL) return environment;
  const running = await findRunning(stateFolder(environment));
  if (running === undefined) {
    throw new BadInput(
      'nothing runs here, and neither DEPLOYED_URL nor TRANSPORT_URL is set: run "npm start" in another terminal, or say where it is kept what was deployed last, for example DEPLOYED_URL=s3://bucket/deployed',
    );
  }
  const { platform, transportUrl, deployedUrl } = running;
  return {
    ...environment,
    TRANSPORT_URL: transportUrl,
    DEPLOYED_URL: deployedUrl,
    DEPLOY_URL: platform.url,
    DEPLOY_SECRET: platform.secret,
    DEPLOY_SECRET_ARN: '',
  };
}

/** What a version is deployed with: the file's, or what is known of it. Throws {@link NotThere} if it is not known. */
export async function findAnnouncement(
  known: DeploymentRecord,
  model: string,
  version: string,
  file: string | undefined,
): Promise<Announced> {
  if (file !== undefined) return readAnnouncement(file, model, version);
  const found = announcementIn(known, version);
  if (found !== undefined) return found;
  const { live, before } = known;
  const versions = [live, ...before].flatMap((one) => one?.data.model_version ?? []);
  const there = versions.length > 0 ? `only of ${versions.join(', ')}` : 'no version was deployed yet';
  throw new NotThere(
    `the announcement of ${model} ${version} is not known, ${there}: give it with --data FILE`,
  );
}

const message = z.object({ specversion: z.literal('1.0'), data: modelReadyToDeploySchema });

/** The data of an announcement, or a whole message. Throws {@link InvalidEvaluation}, {@link BadInput}. */
async function readAnnouncement(file: string, model: string, version: string): Promise<Announced> {
  const [document] = await readInputs([file], (error) => {
    throw error;
  });
  const content = document?.content;
  const isMessage = typeof content === 'object' && content !== null && 'specversion' in content;
  const data = isMessage
    ? check(message, content, file).data
    : check(modelReadyToDeploySchema, content, file);
  if (data.model_name !== model || data.model_version !== version) {
    throw new BadInput(
      `${file} announces ${data.model_name} ${data.model_version}: expected ${model} ${version}`,
    );
  }
  return { id: modelReadyToDeploy.identify?.(data) ?? newId(), time: new Date().toISOString(), data };
}
