/** A port whose adapter is loaded when something is first asked of it: what is refused before that never pays for the SDK. */

type Asynchronous<Port> = { [Name in keyof Port]: (...args: never[]) => Promise<unknown> };

/** One that cannot be loaded is loaded again by the next call. */
export function deferred<Port extends Asynchronous<Port>>(load: () => Promise<Port>): Port {
  let loading: Promise<Port> | undefined;
  const loaded = (): Promise<Port> => {
    loading ??= load().catch(error => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
  return new Proxy({} as Port, {
    get: (_, name) =>
      // A port is no promise, whoever asks.
      name === 'then' ? undefined : async (...args: never[]) => (await loaded())[name as keyof Port](...args),
  });
}
