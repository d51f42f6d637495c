/** Where attackers send what they find: a listener on loopback, which no masking of any output stands in front of. */
import { createServer, type Socket } from 'node:net';

export interface Thief {
  readonly port: number;
  /** All that was sent under a name. */
  loot(name: string): string;
  /** How many of a name's connections are still held, by whatever process. */
  connections(name: string): number;
  /** Says a line to whoever waits for one under this name. */
  tell(name: string, line: string): void;
  /** How many came at all, whatever they said. */
  visits(): number;
  stop(): Promise<void>;
}

/** A visitor says its name in the first line, and what it has found in the others. */
export async function startThief(): Promise<Thief> {
  const visits: { socket: Socket; text: string; isOpen: boolean }[] = [];
  const server = createServer(socket => {
    const visit = { socket, text: '', isOpen: true };
    visits.push(visit);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      visit.text += text;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      visit.isOpen = false;
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const of = (name: string) => visits.filter(({ text }) => text.startsWith(`${name}\n`));
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    loot: name =>
      of(name)
        .map(({ text }) => text.slice(name.length + 1))
        .join('\n'),
    connections: name => of(name).filter(({ isOpen }) => isOpen).length,
    tell: (name, line) => {
      for (const { socket } of of(name)) socket.write(`${line}\n`);
    },
    visits: () => visits.length,
    stop: async () => {
      for (const { socket } of visits) socket.destroy();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
