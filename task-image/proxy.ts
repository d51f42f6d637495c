/** The proxy by which Terraform and its providers leave, where a network lets them out by no other way. */

export interface HttpsProxy {
  /** `http://host:port`; never with a password, since planned code sees it. */
  readonly url: string;
  /** Hosts that are reached without it, separated by commas. */
  readonly direct: string;
}

/** As the module says it. Throws for what is no proxy: a worker that ignored it would look for another way out. */
export function proxyNamed(url: string, direct = ''): HttpsProxy {
  if (!/^http:\/\/[A-Za-z0-9.-]+:[0-9]{1,5}$/.test(url))
    throw new Error('`INFRA_DEPLOYER_PROXY` is not http://host:port');
  if (!/^[A-Za-z0-9.,:/-]*$/.test(direct)) throw new Error('`INFRA_DEPLOYER_NO_PROXY` is no list of hosts');
  return { url, direct };
}

/** For https alone, since nothing else may be spoken; in both spellings, since curl knows one and others the other. */
export function proxyEnvironment({ url, direct }: HttpsProxy): Record<string, string> {
  const none = [here, direct].filter(Boolean).join();
  return { HTTPS_PROXY: url, https_proxy: url, NO_PROXY: none, no_proxy: none };
}

/** The worker itself, which gives credentials, and what platforms have at link-local addresses. */
const here = 'localhost,127.0.0.1,169.254.0.0/16';
