// The head of an HTTP/1.1 request, its headers in the order and the letters they have. Nothing in it can become another line.
import { notInAValue, token } from './http-syntax.ts';
import type { WireRequest } from './raw-response.ts';

const notInAPath = /[^\x21-\x7e\x80-\xff]/;

/** The host of a URL as a socket takes it: an IPv6 address has no brackets there. */
export function socketHost(hostname: string): string {
  return hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname;
}

/** @throws TypeError when a header, the method or the path holds what HTTP does not take; its message quotes none of them. */
export function requestHead({ method, path, hostname, port, headers, body }: WireRequest): string {
  if (!token.test(method) || path === '' || notInAPath.test(path)) throw new TypeError('not a request line');
  let head = `${method} ${path} HTTP/1.1\r\n`;
  let [hasHost, hasLength] = [false, body === undefined];
  for (const [name, value] of Object.entries(headers)) {
    if (!token.test(name) || notInAValue.test(value)) throw new TypeError('not a header');
    head += `${name}: ${value}\r\n`;
    if (name === 'host') hasHost = true;
    else if (name === 'content-length') hasLength = true;
  }
  if (!hasHost) head += `host: ${hostname}${port === undefined ? '' : `:${port}`}\r\n`;
  if (!hasLength && body !== undefined) head += `content-length: ${Buffer.byteLength(body)}\r\n`;
  return `${head}connection: keep-alive\r\n\r\n`;
}
