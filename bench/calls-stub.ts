// The endpoint of calls.ts, a process of its own: answers every request at once with two access keys. It reads no more of HTTP than where a
// request ends, so that it is not what the benchmark waits for. Prints its port.
import { type AddressInfo, createServer } from 'node:net';

const key = (name: string, status: string): string =>
  `<member><UserName>alice</UserName><AccessKeyId>${name}</AccessKeyId><Status>${status}</Status><CreateDate>2021-06-09T04:17:00Z</CreateDate></member>`;
const metadata = `<AccessKeyMetadata>${key('AKIDEXAMPLE000000001', 'Active')}${key('AKIDEXAMPLE000000002', 'Inactive')}</AccessKeyMetadata>`;
const body =
  '<ListAccessKeysResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">' +
  `<ListAccessKeysResult><IsTruncated>false</IsTruncated>${metadata}</ListAccessKeysResult>` +
  '<ResponseMetadata><RequestId>7a62c49f-347e-4fc4-9331-6e8e7a96aa73</RequestId></ResponseMetadata></ListAccessKeysResponse>';
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nx-amzn-RequestId: 7a62c49f-347e-4fc4-9331-6e8e7a96aa73\r\nContent-Type: text/xml\r\nContent-Length: ${body.length}\r\n` +
    `Date: Wed, 09 Jun 2021 04:17:00 GMT\r\n\r\n${body}`,
);

const server = createServer((socket) => {
  socket.setNoDelay(true);
  let rest = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    rest += chunk;
    for (;;) {
      const head = rest.indexOf('\r\n\r\n');
      if (head === -1) return;
      const length = Number(/content-length: *(\d+)/i.exec(rest.slice(0, head))?.[1] ?? 0);
      const end = head + 4 + length;
      if (rest.length < end) return;
      rest = rest.slice(end);
      socket.write(answer);
    }
  });
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
// Whoever started it holds the other end.
process.stdin.on('end', () => process.exit(0)).resume();
