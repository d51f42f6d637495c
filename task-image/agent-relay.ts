/** Lets the tool's user ask an agent of the worker's: an agent answers nobody but its own user, and root. */
import { chownSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import type { ToolUser } from './isolation.ts';

export interface AgentRelay {
  /** Cuts whoever is connected off, and removes the socket. */
  readonly end: () => Promise<void>;
}

/** The keys stay in a process that the tool's user can neither read nor end; what it gets is this socket, for `init` only. */
export async function relayAgent(agent: string, socket: string, { uid, gid }: ToolUser): Promise<AgentRelay> {
  const open = new Set<Socket>();
  const server = createServer(asker => {
    const answerer = connect(agent);
    for (const end of [asker, answerer]) {
      open.add(end);
      end.on('error', () => {});
      end.on('close', () => {
        open.delete(end);
        asker.destroy();
        answerer.destroy();
      });
    }
    asker.pipe(answerer).pipe(asker);
  });
  await new Promise<void>((done, failed) => server.once('error', failed).listen(socket, done));
  // INVARIANT: the worker's umask has made it 0600.
  chownSync(socket, uid, gid);
  return {
    end: async () => {
      const closed = new Promise<void>(done => server.close(() => done()));
      for (const end of open) end.destroy();
      await closed;
    },
  };
}
