import { type HttpAnswer, type HttpError, httpErrorAnswer } from '../publish/http-answer.ts';
import { describeThrown } from '../text/describe-thrown.ts';
import { emitModelEvent } from './events.ts';
import { InvalidEvaluation } from './judge/evaluation.ts';

/**
 * The answer to a request that failed. An event tells the operator, because nobody else would.
 *
 * @param described How the error is answered; undefined for errors that the courier itself knows.
 * @param delivery Whether the request says that it is a delivery of MLflow.
 */
export function refusedAnswer(
  error: unknown,
  described: HttpError | undefined,
  delivery: boolean,
): HttpAnswer {
  const answer = httpErrorAnswer(error, described);
  const reason = error instanceof InvalidEvaluation ? error.told : describeThrown(error, true);
  emitModelEvent({
    event: 'refused',
    model_name: null,
    model_version: null,
    status: answer.statusCode,
    reason,
    delivery,
  });
  return answer;
}
