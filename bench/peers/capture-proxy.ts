import type { AddressInfo } from 'node:net';
import express from 'express';

// What one would write otherwise: a route that hands the body on by fetch and its answer back. It keeps nothing.
const [camera = ''] = process.argv.slice(2);
const app = express();
app.use(express.json());
app.post('/capture', async (req, res) => {
  const answer = await fetch(`${camera}/capture`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(req.body),
  });
  res.status(answer.status).json(await answer.json());
});
app.get('/settings', async (_req, res) => {
  const answer = await fetch(`${camera}/settings`);
  res.status(answer.status).json(await answer.json());
});
const server = app.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
