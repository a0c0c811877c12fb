import { channel } from 'node:diagnostics_channel';
import type { Gain } from './judge/gate.ts';
import type { RejectionCode } from './judge/rejection.ts';

/** What happens to models. Null names are those of runs that are not registered, or not known. */
export type ModelEvent =
  | {
      /** A registry has asked for a model to be judged. */
      readonly event: 'requested';
      /** The message's. */
      readonly id: string;
      readonly model_name: string;
      readonly model_version: string;
    }
  | {
      /** A registry has said something that asks for nothing. */
      readonly event: 'ignored';
      readonly model_name: null;
      readonly model_version: null;
      readonly reason: string;
    }
  | {
      /** A request that did not come from the registry or cannot be used (4xx), or could not be taken now (5xx). */
      readonly event: 'refused';
      readonly model_name: null;
      readonly model_version: null;
      /** Of the HTTP answer. */
      readonly status: number;
      readonly reason: string;
      /** Whether it says that it is a delivery of MLflow: anybody may call a public URL. */
      readonly delivery: boolean;
    }
  | {
      readonly event: 'judged';
      readonly model_name: string | null;
      readonly model_version: string | null;
      readonly verdict: 'announce';
    }
  | {
      readonly event: 'judged';
      readonly model_name: string | null;
      readonly model_version: string | null;
      readonly verdict: 'reject';
      readonly code: RejectionCode;
    }
  | {
      readonly event: 'announced';
      /** The message's. */
      readonly id: string;
      readonly model_name: string;
      readonly model_version: string;
      readonly metric_name: string;
      readonly baseline_value: number;
      readonly current_value: number;
      readonly improvement_percentage: number;
      /** The gain over each baseline with its 95 % confidence interval; absent where none is known. */
      readonly gains?: readonly Gain[];
    }
  | {
      readonly event: 'rejected';
      readonly model_name: string | null;
      readonly model_version: string | null;
      readonly mlflow_run_id?: string;
      readonly code: RejectionCode;
      readonly reason: string;
    }
  | {
      readonly event: 'announce_failed';
      readonly model_name: string;
      readonly model_version: string;
      readonly error: string;
    }
  | {
      /** A verdict could not be written into the registry; it holds all the same. */
      readonly event: 'write_back_failed';
      readonly model_name: string;
      readonly model_version: string;
      readonly error: string;
    }
  | {
      readonly event: 'deployed';
      readonly id: string;
      readonly model_name: string;
      readonly model_version: string;
    }
  | {
      /** An operator deployed it, whatever was live. */
      readonly event: 'forced';
      readonly id: string;
      readonly model_name: string;
      readonly model_version: string;
      /** Who, and why. */
      readonly by: string;
      readonly reason: string;
    }
  | {
      /** That version is live already: nothing was done. */
      readonly event: 'already_deployed';
      readonly id: string;
      readonly model_name: string;
      readonly model_version: string;
    }
  | {
      /** It was not deployed, because another version is better or newer. */
      readonly event: 'superseded';
      readonly id: string;
      readonly model_name: string;
      readonly model_version: string;
      /** The other version, or `platform` if the platform has a newer deployment. */
      readonly by: string;
      /** One clause for a person. */
      readonly reason: string;
    };

/** The name of the diagnostics channel that these events leave through; the courier's own have another. */
export const MODEL_EVENTS_CHANNEL = 'hikyaku:model-ready';

const events = channel(MODEL_EVENTS_CHANNEL);

export function emitModelEvent(event: ModelEvent): void {
  if (events.hasSubscribers) events.publish(event);
}

/** Calls the listener for every event of this process. Returns what stops it. Listeners must not throw. */
export function observeModels(listener: (event: ModelEvent) => void): () => void {
  const onMessage = (message: unknown): void => {
    if (isModelEvent(message)) listener(message);
  };
  events.subscribe(onMessage);
  return () => {
    events.unsubscribe(onMessage);
  };
}

// Only `emitModelEvent` publishes on this channel; the check narrows what the channel types as unknown.
function isModelEvent(message: unknown): message is ModelEvent {
  return typeof message === 'object' && message !== null && 'event' in message;
}
