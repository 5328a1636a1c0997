// An IAM endpoint in a process of its own that costs next to nothing: HTTP/1.1 over a bare socket, answers made beforehand. Knows two operations:
// ListAccessKeys (one key) and ListUsers (100 pages of 1,000). Prints its address; `GET /pages` says how many pages it has answered.
import { createServer, type Socket } from 'node:net';
import process from 'node:process';

const pageCount = 100;
const pageItems = 1_000;
/** Listings of this path are answered late, so that it can be seen what was already out before a page came. */
const slowPath = '/slow/';
const slowMs = 300;

const namespace = 'https://iam.amazonaws.com/doc/2010-05-08/';
const metadata = '<ResponseMetadata><RequestId>7a62c49f-347e-4fc4-9331-6e8eEXAMPLE</RequestId></ResponseMetadata>';

function response(type: string, body: string): Buffer {
  const head = `HTTP/1.1 200 OK\r\nx-amzn-RequestId: 7a62c49f-347e-4fc4-9331-6e8eEXAMPLE\r\nContent-Type: ${type}\r\n`;
  return Buffer.from(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

function xml(operation: string, result: string): Buffer {
  const body = `<${operation}Result>${result}</${operation}Result>${metadata}`;
  return response('text/xml', `<${operation}Response xmlns="${namespace}">${body}</${operation}Response>`);
}

const accessKeys = xml(
  'ListAccessKeys',
  '<UserName>alice</UserName><AccessKeyMetadata><member><UserName>alice</UserName><AccessKeyId>AKIAIOSFODNN7EXAMPLE</AccessKeyId>' +
    '<Status>Active</Status><CreateDate>2021-06-09T04:17:00Z</CreateDate></member></AccessKeyMetadata><IsTruncated>false</IsTruncated>',
);

const pages = Array.from({ length: pageCount }, (_none, page) => {
  const users = Array.from({ length: pageItems }, (_item, index) => {
    const name = `user-${page}-${index}`;
    return `<member><Path>/</Path><UserName>${name}</UserName><UserId>AIDAEXAMPLE${index}</UserId><Arn>arn:aws:iam::123456789012:user/${name}</Arn><CreateDate>2021-06-09T04:17:00Z</CreateDate></member>`;
  });
  const more =
    page + 1 < pageCount
      ? `<IsTruncated>true</IsTruncated><Marker>${page + 1}</Marker>`
      : '<IsTruncated>false</IsTruncated>';
  return xml('ListUsers', `<Users>${users.join('')}</Users>${more}`);
});

let pagesAnswered = 0;

function answer(socket: Socket, line: string, body: string): void {
  if (line.startsWith('GET ')) {
    socket.write(response('application/json', JSON.stringify({ pages: pagesAnswered })));
    return;
  }
  if (body.startsWith('Action=ListAccessKeys&')) {
    socket.write(accessKeys);
    return;
  }
  const form = new URLSearchParams(body);
  const page = pages[Number(form.get('Marker') ?? 0)];
  if (form.get('Action') !== 'ListUsers' || page === undefined) throw new Error(`no answer for ${body}`);
  const send = (): void => {
    pagesAnswered += 1;
    socket.write(page);
  };
  if (form.get('PathPrefix') === slowPath) setTimeout(send, slowMs);
  else send();
}

/** Cuts one socket's bytes into requests; every body has a Content-Length. */
function serve(socket: Socket): void {
  let pending = '';
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.setEncoding('latin1').on('data', (text: string) => {
    pending += text;
    for (;;) {
      const end = pending.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = pending.slice(0, end);
      const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      if (pending.length < end + 4 + length) return;
      const body = pending.slice(end + 4, end + 4 + length);
      pending = pending.slice(end + 4 + length);
      answer(socket, head, body);
    }
  });
}

const server = createServer(serve).listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a port');
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${address.port}` })}\n`);
});

// It ends with whoever started it, however that ended.
process.stdin.on('end', () => process.exit()).resume();
