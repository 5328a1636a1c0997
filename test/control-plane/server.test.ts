// The REST API's edge: who may call what, coded errors, lists, and a document that equals the routes.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { errorCodes } from '../../protocol/error-codes.ts';
import { Fixture, type JobSeen } from '../support/control-plane-fixture.ts';

type Method = 'GET' | 'POST' | 'DELETE';
interface Operation {
  readonly operationId: string;
  readonly security: object[];
  readonly 'x-role'?: string;
  readonly parameters?: { name: string; in: string; required: boolean; schema: object }[];
  readonly requestBody?: { content: Record<string, { schema: { properties: object } }> };
  readonly responses: Record<string, { description: string; content: Record<string, { schema: unknown }> }>;
}
interface OpenApi {
  readonly openapi: string;
  readonly info: { title: string; version: string };
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, object> };
}

const routes: readonly (readonly [Method, string, string | null])[] = [
  ['POST', '/api/v1/agents', 'admin'],
  ['POST', '/api/v1/agents/{name}/code', 'admin'],
  ['GET', '/api/v1/agents', 'viewer'],
  ['DELETE', '/api/v1/agents/{name}', 'admin'],
  ['POST', '/api/v1/agents/{name}/clear', 'admin'],
  ['POST', '/agent/v1/pair', null],
  ['POST', '/api/v1/jobs', 'operator'],
  ['GET', '/api/v1/jobs', 'viewer'],
  ['GET', '/api/v1/jobs/{id}', 'viewer'],
  ['POST', '/api/v1/jobs/{id}/cancel', 'operator'],
  ['GET', '/api/v1/jobs/{id}/results', 'viewer'],
  ['POST', '/api/v1/tokens', 'admin'],
  ['GET', '/api/v1/tokens', 'admin'],
  ['DELETE', '/api/v1/tokens/{id}', 'admin'],
  ['GET', '/healthz', null],
];

describe('control plane: REST API', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await Fixture.start();
  });
  afterEach(async () => {
    expect(fixture.faults()).to.deep.equal([]);
    await fixture.close();
  });

  const newToken = async (role: string): Promise<string> =>
    (await fixture.json<{ token: string }>('POST', '/api/v1/tokens', { name: `a ${role}`, role })).token;

  it('serves the OpenAPI document of exactly its routes', async () => {
    const answer = await fetch(`${fixture.url}/api/v1/openapi.json`);
    const document = (await answer.json()) as OpenApi;
    expect(document.openapi).to.equal('3.1.0');
    const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { 'x-role': role }]) => `${method.toUpperCase()} ${path} ${role ?? null}`),
    );
    expect(listed.sort()).to.deep.equal(
      routes
        .map((route) => route.join(' '))
        .map((line) => line.replace(/ $/, ' null'))
        .sort(),
    );
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).to.equal(operations.length);
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const operation of Object.values(methods)) {
        const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
        const declared = (operation.parameters ?? []).filter((one) => one.in === 'path');
        expect(declared.map(({ name }) => name)).to.deep.equal(named);
        expect(declared.every(({ required }) => required)).to.equal(true);
        expect(operation.responses).to.have.property('default');
        for (const { description, content } of Object.values(operation.responses)) {
          expect(description).to.be.a('string').and.not.equal('');
          expect(Object.keys(content)).to.not.be.empty;
        }
      }
    }
    const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name]) => name ?? '',
    );
    for (const name of references) expect(document.components.schemas).to.have.property(name);
    const body = document.paths['/api/v1/jobs']?.['post']?.requestBody?.content['application/x-ndjson'];
    expect(body?.schema.properties).to.have.all.keys(
      'agent',
      'connection',
      'action',
      'inputs',
      'options',
      'ttl_seconds',
    );
  });

  it('gives each role what it may do and no more', async () => {
    const tokens = { viewer: await newToken('viewer'), operator: await newToken('operator'), admin: fixture.admin };
    const order = ['viewer', 'operator', 'admin'];
    for (const [method, template, role] of routes) {
      if (role === null) continue;
      const path = template.replaceAll(/\{\w+\}/g, 'none');
      expect((await fixture.call(method, path, undefined, 'iamcp_wrong')).status, `${method} ${path}`).to.equal(401);
      expect((await fetch(`${fixture.url}${path}`, { method })).status).to.equal(401);
      for (const [has, token] of Object.entries(tokens)) {
        const { status } = await fixture.call(method, path, undefined, token);
        const what = `${has}: ${method} ${path}`;
        if (order.indexOf(has) < order.indexOf(role)) expect(status, what).to.equal(403);
        else expect(status, what).to.not.be.oneOf([401, 403, 500]);
      }
    }
  });

  it('answers every error as a coded object', async () => {
    const wrong: readonly (readonly [Method, string, number, unknown?])[] = [
      ['GET', '/none', 404],
      ['GET', '/api/v1/jobs/none', 404],
      ['GET', '/api/v1/jobs/none/results', 404],
      ['GET', '/api/v1/jobs?limit=0', 400],
      ['GET', '/api/v1/jobs?limit=9999', 400],
      ['GET', '/api/v1/jobs?status=odd', 400],
      ['GET', '/api/v1/jobs?before=x', 400],
      ['GET', '/api/v1/jobs?what=1', 400],
      ['GET', '/api/v1/jobs/%ZZ', 400],
      ['DELETE', '/api/v1/agents/none', 404],
      ['POST', '/api/v1/agents', 400, { name: 'x', extra: 1 }],
      ['POST', '/api/v1/agents', 400, 'text'],
      ['POST', '/api/v1/agents', 413, { name: 'x'.repeat(100_000) }],
      ['POST', '/api/v1/tokens', 400, { name: 'x', role: 'root' }],
    ];
    for (const [method, path, status, body] of wrong) {
      const answer = await fixture.call(method, path, body);
      const { error } = (await answer.json()) as { error: { code: string; detail: string } };
      expect(answer.status, `${method} ${path}`).to.equal(status);
      expect(errorCodes).to.have.property(error.code);
      expect(error.detail).to.be.a('string');
    }
  });

  it('says that it is well without a token', async () => {
    expect(await (await fetch(`${fixture.url}/healthz`)).json()).to.deep.equal({ status: 'ok' });
  });

  it('lists jobs newest first, by agent and status, page by page', async () => {
    for (const name of ['host-1', 'host-2']) await fixture.invite(name);
    const made: string[] = [];
    for (let index = 0; index < 6; index += 1)
      made.unshift((await fixture.createJob([], { agent: index % 2 === 0 ? 'host-1' : 'host-2' })).job);
    const list = async (query: string): Promise<string[]> =>
      (await fixture.json<{ jobs: JobSeen[] }>('GET', `/api/v1/jobs${query}`)).jobs.map(({ job }) => job);
    expect(await list('')).to.deep.equal(made);
    expect(await list('?limit=2')).to.deep.equal(made.slice(0, 2));
    expect(await list(`?limit=2&before=${made[1]}`)).to.deep.equal(made.slice(2, 4));
    expect(await list('?agent=host-2')).to.deep.equal(made.filter((_, index) => index % 2 === 0));
    await fixture.json('POST', `/api/v1/jobs/${made[0]}/cancel`);
    expect(await list('?status=cancelled')).to.deep.equal(made.slice(0, 1));
    expect(await list('?status=queued')).to.deep.equal(made.slice(1));
    for (const status of ['sent', 'running', 'completed', 'expired', 'stopped', 'rejected', 'quarantined'])
      expect(await list(`?status=${status}`)).to.deep.equal([]);
  });

  it('makes, lists and deletes tokens, and keeps the last admin', async () => {
    const made = await fixture.json<{ id: string; token: string }>('POST', '/api/v1/tokens', {
      name: 'ci',
      role: 'viewer',
    });
    expect(made.token).to.match(/^iamcp_[\w-]{43}$/);
    expect((await fixture.call('POST', '/api/v1/tokens', { name: 'ci', role: 'viewer' })).status).to.equal(400);
    const { tokens } = await fixture.json<{ tokens: { id: string; name: string }[] }>('GET', '/api/v1/tokens');
    expect(tokens.map(({ name }) => name)).to.deep.equal(['admin', 'ci']);
    expect(JSON.stringify(tokens)).to.not.include(made.token);
    expect((await fixture.call('GET', '/api/v1/jobs', undefined, made.token)).status).to.equal(200);
    await fixture.json('DELETE', `/api/v1/tokens/${made.id}`);
    expect((await fixture.call('GET', '/api/v1/jobs', undefined, made.token)).status).to.equal(401);
    expect((await fixture.call('DELETE', `/api/v1/tokens/${made.id}`)).status).to.equal(404);
    const [admin] = tokens;
    expect((await fixture.call('DELETE', `/api/v1/tokens/${admin?.id}`)).status).to.equal(400);
  });

  it('writes its secrets with mode 0600, and the endpoint beside them', async () => {
    for (const name of ['admin-token', 'store.key', 'keys/root.json'])
      expect((await stat(join(fixture.dataDir, name))).mode & 0o777, name).to.equal(0o600);
    expect((await readFile(join(fixture.dataDir, 'endpoint'), 'utf8')).trim()).to.equal(fixture.url);
  });
});
