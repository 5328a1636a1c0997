// Follows the results of one job over HTTP as an operator's program does, on a connection that is kept.
import { Agent, get, request } from 'node:http';

const agent = new Agent({ keepAlive: true });

/** A small POST on the kept connection; resolves with the answer's JSON. */
export function post<T>(url: URL, token: string, body: string): Promise<T> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('end', () => {
        if ((answer.statusCode ?? 500) < 300) resolve(JSON.parse(text) as T);
        else reject(new Error(`${answer.statusCode} ${text}`));
      });
    });
    sent.on('error', reject).end(body);
  });
}

/** Resolves when a text that `isIt` takes has come; what came before it is not kept. */
export function firstResult(url: URL, token: string, isIt: (text: string) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = get(url, { agent, headers: { authorization: `Bearer ${token}` } }, (answer) => {
      answer.setEncoding('utf8').on('data', (text: string) => {
        if (isIt(text)) resolve();
      });
      answer.on('end', () => reject(new Error('the results ended without the one that was waited for')));
      answer.on('error', reject);
    });
    sent.on('error', reject);
  });
}
