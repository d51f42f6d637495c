/** What runs programs or talks to any host while planning or applying: external and http data, provisioners. */
import { type Block, blocks } from '../hcl/document.ts';
import { type Finding, header, tunable } from './finding.ts';
import { type ConfigurationFile, type Rule, typedBlocks } from './module.ts';

export const programs: Rule = ({ files }) => files.flatMap(file => [...sources(file), ...provisioners(file)]);

/** Types that run a program that the configuration names. */
const running = /^(?:external|local_command)$/i;
/** Types that ask a host that the configuration names. */
const requesting = /^(?:http|dns_\w+)$/i;

function sources({ file, root }: ConfigurationFile): Finding[] {
  return typedBlocks(root).flatMap(block => {
    const [type = ''] = block.labels;
    if (running.test(type)) return [tunable(file, block, 'external-data', 'runs a program while planning')];
    if (requesting.test(type)) return [tunable(file, block, 'http-data', 'sends requests to any host while planning')];
    return nested(block, 'postrender').map(() =>
      tunable(file, block, 'external-data', 'runs a program to render a chart', `${header(block)} postrender`),
    );
  });
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
