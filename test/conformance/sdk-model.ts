// What the installed SDK has: its operations and the member names of its structures, read from its exports and not through the agent.
import * as iamSdk from '@aws-sdk/client-iam';
import * as stsSdk from '@aws-sdk/client-sts';
import type { Structures } from './boto3.ts';

export const sdkOperations: readonly string[] = Object.keys(iamSdk)
  .filter((name) => /^[A-Z]\w+Command$/.test(name))
  .map((name) => name.slice(0, -'Command'.length));

function structuresOf(sdk: object): Structures {
  const found: Record<string, readonly string[]> = {};
  for (const schema of Object.values(sdk) as unknown[]) {
    if (!Array.isArray(schema) || schema[0] !== 3) continue;
    const [, , name, , members = []] = schema as [number, string, string, unknown, string[]?];
    found[name] = members;
  }
  return found;
}

export const sdkStructures = { iam: structuresOf(iamSdk), sts: structuresOf(stsSdk) } as const;
