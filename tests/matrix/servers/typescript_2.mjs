// A small stdio server on the official TypeScript package: one tool works, one fails.
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
  return server;
});
