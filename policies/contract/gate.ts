/** The rules of the gate that an admin may switch off for paths; every other rule follows a setting of its own, or none. */
export const gateRules = [
  'external-data',
  'http-data',
  'provisioner',
  'file-path',
  'provider-credentials',
  'run-cmd',
  'hook',
  'extra-arguments',
  'generate',
] as const;
export type GateRule = (typeof gateRules)[number];
