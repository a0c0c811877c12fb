import { expect, it, vi } from 'vitest';
import { recordedDeliveries, signAnew } from '../support/mlflow-deliveries.ts';
import { exampleAnswersOf, plainEvaluation } from '../support/model-examples.ts';
import { modelPackageEvent } from '../support/sagemaker-event.ts';
import { call, functions, invoke, send, sendUnsigned } from './aws.ts';
import { PATIENCE, type System } from './system.ts';

export const DEPLOY = 'model_ready_to_deploy/deploy';
export const JUDGE = 'model_to_evaluate/judge';

/** What a system does on every carrier, whatever way its messages come in. */
export function testFlows(system: () => System): void {
  const output = (name: string): string => outputOf(system(), name);
  const hostOf = (name: string): string => new URL(output(name)).host;

  it('deploys what the emit function announces when it is invoked', async () => {
    const documents = exampleAnswersOf('run.iris', 'model-version.iris').map(({ content }) => content);
    const report = await invoke<Report>(output('EmitFunction'), { documents });
    expect(names(report)).toEqual(['iris-species 2']);
    await system().untilDeployed(['iris-species 2']);
  });

  it('deploys what it announces over its URL', async () => {
    const body = JSON.stringify(plainEvaluation());
    const { status, body: report } = await send('lambda', { host: hostOf('EmitUrl'), body });
    expect(status).toBe(200);
    expect(names(JSON.parse(report))).toEqual(['churn-predictor 7']);
    await system().untilDeployed(['churn-predictor 7']);
  });

  it('deploys no model that is worse than the one that is live', async () => {
    const worse = plainEvaluation({ model_version: '9', current_value: 0.63 });
    expect(names(await invoke<Report>(output('EmitFunction'), worse))).toEqual(['churn-predictor 9']);
    await system().untilDeployed([]);
  });

  it('deploys what SageMaker approves', async () => {
    const { detail, source, ...event } = modelPackageEvent();
    const without = modelPackageEvent({ CustomerMetadataProperties: undefined, ModelPackageVersion: 4 });
    const pending = modelPackageEvent({
      ModelApprovalStatus: 'PendingManualApproval',
      ModelPackageVersion: 5,
    });
    const { FailedEntryCount } = await call<{ FailedEntryCount: number }>('events', 'AWSEvents.PutEvents', {
      Entries: [detail, without.detail, pending.detail].map((one) => ({
        Source: source,
        DetailType: event['detail-type'],
        Detail: JSON.stringify(one),
      })),
    });
    expect(FailedEntryCount).toBe(0);
    await system().untilDeployed(['churn 3']);
  });

  it("deploys what MLflow's webhook tells of, once, and takes nothing that is not signed by it", async () => {
    const host = hostOf('WebhookUrl');
    // Of two that pass, the better one; whichever comes first.
    system().receiver.newer.add('diabetes-progression 2');
    const statuses = new Map<number, number>();
    for (const delivery of recordedDeliveries()) {
      const signed = signAnew(delivery);
      const forged = signAnew(delivery, { secret: 'forged', id: 'forged' });
      const stale = signAnew(delivery, { id: 'stale', atMs: Date.now() - 3_600_000 });
      for (const { headers, body } of [signed, signed, forged, stale]) {
        const { status } = await sendUnsigned({ host, headers, body });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    }
    const all = recordedDeliveries();
    const asking = all.filter(
      ({ event, body }) => event === 'model_version.created' || body.includes('challenger'),
    );
    expect(Object.fromEntries(statuses)).toEqual({
      202: 2 * asking.length,
      200: 2 * (all.length - asking.length),
      401: 2 * all.length,
    });
    // What was deployed before is live already.
    await system().untilDeployed(['diabetes-progression 3']);
    // Versions that MLflow had, and the examples have not, have verdicts too.
    const { events } = await system().hikyaku('dlq', 'list', JUDGE, '--json');
    expect(events).toEqual([]);
  });

  it('keeps what cannot be read, and what the platform refuses, as dead letters', async () => {
    const { receiver, transport, hikyaku } = system();
    receiver.refused.add('churn-predictor');
    await transport.send('model_ready_to_deploy', [{ id: 'poison', body: 'not JSON', headers: {} }]);
    await invoke(output('EmitFunction'), plainEvaluation({ model_version: '8', current_value: 0.7 }));
    await vi.waitFor(async () => {
      await system().untilDeployed([]);
      const { events } = await hikyaku('dlq', 'list', DEPLOY, '--json');
      expect(events.map(({ code }) => code).toSorted()).toEqual(['malformed', 'rejected']);
    }, PATIENCE);
  });
}

/** What an operator does, once there are dead letters. */
export function testOperation(system: () => System): void {
  it('replays a dead letter once the platform takes it', async () => {
    const { receiver, hikyaku } = system();
    receiver.refused.clear();
    const { code, stderr } = await hikyaku('dlq', 'replay', DEPLOY, '--reason', 'rejected');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await system().untilDeployed(['churn-predictor 8']);
    const { events } = await hikyaku('dlq', 'list', DEPLOY, '--json');
    expect(events).toHaveLength(1);
  });

  it('changes nothing when it is deployed again', async () => {
    const printed = await system().deployAgain();
    for (const stack of system().stacks) expect(printed).toContain(`${stack} (no changes)`);
  });
}

/** Comes last. */
export function testDestruction(system: () => System): void {
  it('leaves nothing behind when it is destroyed', async () => {
    await system().destroy();
    const { QueueUrls = [] } = await call<{ QueueUrls?: string[] }>('sqs', 'AmazonSQS.ListQueues', {});
    expect([...(await functions()), ...QueueUrls]).toEqual([]);
  });
}

interface Report {
  readonly announced: readonly { readonly model_name: string; readonly model_version: string }[];
}

/** What was announced, by models' names and versions. */
function names({ announced }: Report): string[] {
  return announced.map(({ model_name, model_version }) => `${model_name} ${model_version}`).toSorted();
}

/** What the deployment said of this. */
function outputOf({ outputs }: System, name: string): string {
  const value = outputs[name];
  if (value === undefined) throw new Error(`the deployment has no output ${name}`);
  return value;
}
