// Waits for the abort of a signal that many share. To add a listener to a signal and take it away again costs some microseconds, for each of
// those who wait; here they share one, which stays for the life of the signal.

type Callback = () => void;

const watched = new WeakMap<AbortSignal, Set<Callback>>();

function watch(signal: AbortSignal): Set<Callback> {
  const callbacks = new Set<Callback>();
  watched.set(signal, callbacks);
  const abort = (): void => {
    for (const callback of callbacks) callback();
    callbacks.clear();
  };
  signal.addEventListener('abort', abort, { once: true });
  return callbacks;
}

/** Calls back when the signal, which has not aborted yet, aborts. */
export function onAbort(signal: AbortSignal, callback: Callback): void {
  (watched.get(signal) ?? watch(signal)).add(callback);
}

export function offAbort(signal: AbortSignal, callback: Callback): void {
  watched.get(signal)?.delete(callback);
}
