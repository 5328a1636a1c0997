// `npm run demo`: pairs a real agent with a real control plane on this machine and runs the seven actions against an IAM server in memory.
// It imports nothing of the project before it knows that this Node can run it, so that an old Node gets a sentence and not a syntax error.
import process from 'node:process';

const oldest = [24, 15] as const;
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
  process.stderr.write(
    `demo: expected Node ${oldest.join('.')} or later, found ${process.versions.node}; start it with \`npm run demo\`, which uses the pinned Node\n`,
  );
  process.exitCode = 78;
} else {
  const { runDemo } = await import('./run-demo.ts');
  process.exitCode = await runDemo(process.argv.slice(2));
}
