import type { TransportError } from '../transport/errors.ts';
import { emit } from './events.ts';

/** Says once that a carrier has gone away, and once that it is back. */
export interface CarrierState {
  failed(error: TransportError): void;
  worked(): void;
  /** Its last answer was a fault. */
  readonly away: boolean;
}

export function createCarrierState(transport: string): CarrierState {
  let away = false;
  return {
    get away() {
      return away;
    },
    failed(error) {
      if (away) return;
      away = true;
      emit({ event: 'carrier_unavailable', transport, code: error.code, error: error.message });
    },
    worked() {
      if (!away) return;
      away = false;
      emit({ event: 'carrier_back', transport });
    },
  };
}
