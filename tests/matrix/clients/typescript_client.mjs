// Holds sessions with the official TypeScript client as it is told on standard input: a line is a list of
// sessions, which are held at the same time; the answer is a line with what came of each.
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

const SESSION_MAY_TAKE_MS = 60_000;

async function ask(question) {
  try {
    return { result: await question() };
  } catch (error) {
    return { error: [error.code ?? null, error.message] };
  }
}

async function hold(session) {
  const [command, ...args] = session.command;
  const transport = new StdioClientTransport({ command, args, env: session.env, cwd: session.cwd, stderr: 'pipe' });
  const errors = [];
  transport.stderr.on('data', (chunk) => errors.push(chunk));
  const client = new Client({ name: 'matrix', version: '1' }, { versionNegotiation: { mode: session.mode } });
  const options = { timeout: SESSION_MAY_TAKE_MS };
  let result;
  let ended;
  try {
    await client.connect(transport, options);
    ended = once(transport._process, 'exit'); // the client does not say how a server ended
    const listed = await ask(() => client.listTools(undefined, options));
    const calls = [];
    for (const [name, values] of session.calls) {
      calls.push(await ask(() => client.callTool({ name, arguments: values }, options)));
    }
    result = { listed, calls };
  } catch (error) {
    result = { failure: error.constructor.name };
  }
  await client.close();
  if (ended) {
    const [code, signal] = await ended;
    result.exit = code ?? signal;
  }
  writeFileSync(session.stderr, Buffer.concat(errors));
  return result;
}

for await (const line of createInterface({ input: process.stdin })) {
  const results = await Promise.all(JSON.parse(line).map(hold));
  process.stdout.write(JSON.stringify(results) + '\n');
}
