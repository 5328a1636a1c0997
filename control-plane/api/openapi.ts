// The OpenAPI 3.1 document, made from the routes' own schemas.
import { z } from 'zod';
import type { Answer, ApiRoute } from './route.ts';
import { errorBodySchema } from './schemas.ts';

type JsonObject = Record<string, unknown>;

export function openApiDocument(routes: readonly ApiRoute[]): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'iam-agent control plane', version: '1' },
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: schemaOf(errorBodySchema, 'output') },
    },
  };
}

function operation(route: ApiRoute): JsonObject {
  const parameters = [
    ...parametersOf('path', route.params),
    ...parametersOf('query', route.query),
    ...Object.entries(route.headers ?? {}).map(([name, description]) => ({
      name,
      in: 'header',
      description,
      required: false,
      schema: { type: 'string' },
    })),
  ];
  return {
    summary: route.summary,
    operationId: operationId(route),
    security: route.role === null ? [] : [{ token: [] }],
    ...(route.role === null ? {} : { 'x-role': route.role }),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body === undefined ? {} : { requestBody: requestBody(route.body, route.streamedBody === true) }),
    responses: {
      ...Object.fromEntries(route.answers.map((answer) => [String(answer.status), response(answer)])),
      default: {
        description: 'A coded refusal.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  };
}

function operationId({ method, path }: ApiRoute): string {
  const words = path.split('/').filter((part) => part !== '' && part !== 'api' && part !== 'v1');
  return [method.toLowerCase(), ...words.map((word) => word.replace(':', 'by_').replaceAll(/\W/g, '_'))].join('_');
}

function parametersOf(place: 'path' | 'query', schema: z.ZodType | undefined): JsonObject[] {
  if (schema === undefined) return [];
  const { properties, required } = z
    .looseObject({ properties: z.record(z.string(), z.unknown()), required: z.array(z.string()).default([]) })
    .parse(schemaOf(schema, 'input'));
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: property,
  }));
}

function requestBody(schema: z.ZodType, streamed: boolean): JsonObject {
  const type = streamed ? 'application/x-ndjson' : 'application/json';
  return { required: true, content: { [type]: { schema: schemaOf(schema, 'input') } } };
}

function response({ description, schema, contentTypes }: Answer): JsonObject {
  const content =
    schema === undefined
      ? (contentTypes ?? []).map((type) => [type, { schema: { type: 'string' } }])
      : [['application/json', { schema: schemaOf(schema, 'output') }]];
  return { description, content: Object.fromEntries(content) };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
