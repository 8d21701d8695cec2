import { AppError } from '../../contracts/errors.ts';

interface Waiter {
  device: string;
  resolve(data: unknown): void;
  reject(error: unknown): void;
  onProgress?: ((data: unknown) => void) | undefined;
}

/** Who waits in this process for the answer to a command. */
export class Waiters {
  readonly #waiting = new Map<string, Waiter>();

  /** Resolves with the answer. Whoever ends it does so by `settle`, `refuse` or `gone`. */
  wait(id: string, device: string, onProgress?: (data: unknown) => void): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { device, resolve, reject, onProgress }));
  }

  has(id: string): boolean {
    return this.#waiting.has(id);
  }

  progress(id: string, data: unknown): void {
    this.#waiting.get(id)?.onProgress?.(data);
  }

  /** The device has done it. */
  settle(id: string, data: unknown): void {
    this.#take(id)?.resolve(data);
  }

  /** It will not be done; false when nobody waits. */
  refuse(id: string, error: unknown): boolean {
    const waiter = this.#take(id);
    waiter?.reject(error);
    return waiter !== undefined;
  }

  /** The device went: nobody waits for it any longer. */
  gone(device: string): void {
    for (const [id, waiter] of [...this.#waiting]) if (waiter.device === device) this.refuse(id, offline(device));
  }

  /** Nobody will be told anything more. */
  end(): void {
    for (const id of [...this.#waiting.keys()]) this.refuse(id, new AppError('command.timeout', 'the server stops'));
  }

  #take(id: string): Waiter | undefined {
    const waiter = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiter;
  }
}

/** The device is not there to be asked. */
export function offline(device: string): AppError {
  return new AppError('device.offline', `The device "${device}" is not connected.`, { device });
}
