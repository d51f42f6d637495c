/** What SDK clients need to talk to the front, or to moto behind it. */
import type { Credentials } from './sessions.ts';

export const clientFor = (endpoint: string, credentials: Omit<Credentials, 'expiration'>, region = 'eu-west-1') => ({
  endpoint,
  region,
  credentials,
  // Nothing here is slow because it is far away; a test that wants retries says so.
  maxAttempts: 1,
});

/** For moto itself, which checks nothing. */
export const anybody = { accessKeyId: 'test', secretAccessKey: 'test', sessionToken: 'test' };
