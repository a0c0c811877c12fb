import { type ModelEvent, observeModels } from '../model-ready/events.ts';
import { describeGain } from '../model-ready/judge/gain.ts';
import { paint, print, printable, printJson } from './output.ts';

/** Prints what happens to models, a line or a JSON object each, until the function that it returns is called. */
export function printModels(
  json: boolean | undefined,
  isShown: (event: ModelEvent) => boolean = () => true,
): () => void {
  return observeModels((event) => {
    if (json) return printJson(event);
    const text = modelLine(event);
    if (text !== undefined && isShown(event)) print(text);
  });
}

/** One line for what happened to a model; undefined for what a person need not see. */
function modelLine(event: ModelEvent): string | undefined {
  const name = printable(
    event.model_name === null ? nameOfNone(event) : `${event.model_name} v${event.model_version}`,
  );
  switch (event.event) {
    case 'announced':
      return `${paint('cyan', 'announced')}  ${name}  ${printable(describeGain(event))}`;
    case 'rejected':
      return `${paint('dim', 'rejected')}  ${name}  ${event.code}: ${printable(event.reason)}`;
    case 'announce_failed':
      return `${paint('red', 'unsent')}  ${name}  ${printable(event.error)}`;
    case 'write_back_failed':
      return `${paint('yellow', 'not written back')}  ${name}  ${printable(event.error)}`;
    case 'refused':
      return `${paint('yellow', 'refused')}  ${event.status}  ${printable(event.reason)}`;
    case 'ignored':
      return `${paint('dim', 'ignored')}  ${printable(event.reason)}`;
    case 'requested':
      return `${paint('cyan', 'requested')}  ${name}  ${printable(event.id)}`;
    case 'deployed':
      return `${paint('green', 'deployed')}  ${name}`;
    case 'forced':
      return `${paint('magenta', 'forced')}  ${name}  by ${printable(event.by)}: ${printable(event.reason)}`;
    case 'superseded':
      return `${paint('yellow', 'superseded')}  ${name}  ${printable(event.reason)}`;
    case 'already_deployed':
      return `${paint('dim', 'deployed already')}  ${name}`;
    case 'judged':
      return undefined;
  }
}

function nameOfNone(event: ModelEvent): string {
  return 'mlflow_run_id' in event && event.mlflow_run_id !== undefined ? `run ${event.mlflow_run_id}` : '?';
}
