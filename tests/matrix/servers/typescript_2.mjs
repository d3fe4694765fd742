// A small stdio server on the official TypeScript package: one tool works, one fails, one is slow.
import { setTimeout } from 'node:timers/promises';
import { McpServer, fromJsonSchema } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

const text = (text) => ({ content: [{ type: 'text', text }] });
const nothing = fromJsonSchema({ type: 'object' });
const numbers = fromJsonSchema({
  type: 'object',
  properties: { a: { type: 'integer' }, b: { type: 'integer' } },
  required: ['a', 'b'],
});

serveStdio(() => {
  const server = new McpServer({ name: 'small', version: '1' });
  server.registerTool('add', { description: 'Add two numbers.', inputSchema: numbers }, async ({ a, b }) => text(`${a + b}`));
  server.registerTool('boom', { description: 'Fail.', inputSchema: nothing }, async () => {
    throw new Error('this text must never leave the machine');
  });
  server.registerTool('slow', { description: 'Take about 0.3 seconds.', inputSchema: nothing }, async () => {
    await setTimeout(300);
    return text('done');
  });
  return server;
});
