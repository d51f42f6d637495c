// What the front's tests run as a task: prints its environment and waits for its end.
process.on('SIGTERM', () => {
  process.stdout.write('asked to end\n');
  if (!process.env.STUBBORN) process.exit(0);
});
setInterval(() => undefined, 60_000);
process.stdout.write(`${JSON.stringify(process.env)}\n`);
if (process.env.EXIT) process.exit(Number(process.env.EXIT));
