/** What runs programs or talks to any host while planning or applying: external and http data, provisioners. */
import { type Block, blocks } from '../hcl/document.ts';
import { type Finding, header, tunable } from './finding.ts';
import { type ConfigurationFile, type Rule, typedBlocks } from './module.ts';

export const programs: Rule = ({ files }) => files.flatMap(file => [...sources(file), ...provisioners(file)]);

/** Types that run a program that the configuration names. */
const running = /^(?:external|local_command)$/i;
const requesting = /^http$/i;

function sources({ file, root }: ConfigurationFile): Finding[] {
  const found = typedBlocks(root).flatMap(block => {
    const [type = ''] = block.labels;
    if (running.test(type)) return [tunable(file, block, 'external-data', 'runs a program while planning')];
    if (requesting.test(type)) return [tunable(file, block, 'http-data', 'sends requests to any host while planning')];
    return nested(block, 'postrender').map(() =>
      tunable(file, block, 'external-data', 'runs a program to render a chart', `${header(block)} postrender`),
    );
  });
  // OpenTofu's state encryption may ask a program for its keys.
  const encryption = blocks(root, 'terraform', 0).flatMap(terraform =>
    blocks(terraform, 'encryption', 0).flatMap(inner =>
      ['key_provider', 'method'].flatMap(type => blocks(inner, type, 2)),
    ),
  );
  const external = encryption.filter(({ labels: [type = ''] }) => running.test(type));
  return [
    ...found,
    ...external.map(block => tunable(file, block, 'external-data', 'runs a program to encrypt the state')),
  ];
}

function provisioners({ file, root }: ConfigurationFile): Finding[] {
  const holders = [...typedBlocks(root), ...blocks(root, 'removed', 0)];
  return holders.flatMap(holder => {
    const found = [...blocks(holder, 'provisioner', 1), ...nested(holder, 'connection')];
    return found.map(block =>
      tunable(file, block, 'provisioner', 'runs a program while applying', `${header(block)} of ${header(holder)}`),
    );
  });
}

/** Blocks without labels of this type, also where `dynamic` makes them. */
const nested = (block: Block, type: string): Block[] => [
  ...blocks(block, type, 0),
  ...blocks(block, 'dynamic', 1).filter(({ labels }) => labels[0] === type),
];
