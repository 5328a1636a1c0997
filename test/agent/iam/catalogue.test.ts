// The catalogue beside the published integration (labels, what is required) and beside the SDK that is installed.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { actions, findAction } from '../../../agent/iam/catalogue.ts';
import { operationShapes } from '../../../agent/iam/schema.ts';
import { waits } from '../../../agent/iam/wait-rules.ts';
import { botocoreFacts } from '../../../scripts/catalogue/facts.ts';
import { catalogueFiles } from '../../../scripts/catalogue/generate.ts';
import { buildCatalogue } from '../../../scripts/catalogue/records.ts';

const required = (name: string): string[] =>
  (findAction(name)?.inputs ?? []).filter((input) => input.required).map((input) => input.label);

describe('the catalogue', () => {
  it('has the seven published actions under their names, and the test of a connection', () => {
    const published = {
      get_access_key_last_used: 'Get Access Key Last Used',
      create_access_key: 'Create Access Key',
      delete_access_key: 'Delete Access Key',
      list_access_keys: 'List Access Keys',
      update_access_key: 'Update Access Key',
      attach_user_policy: 'Attach User Policy',
      list_policies: 'List Policies',
      test_connection: 'Test Connection',
    };
    const names = Object.keys(published).map((name) => [name, findAction(name)?.displayName]);
    expect(Object.fromEntries(names)).to.deep.equal(published);
  });

  it('has every operation of the SDK, once', async () => {
    const sdk: Record<string, unknown> = await import('@aws-sdk/client-iam');
    const operations = Object.keys(sdk).filter((name) => /^[A-Z].*Command$/.test(name));
    expect(operations.length).to.be.at.least(180);
    const iam = actions.filter(({ service }) => service === 'iam').map(({ operation }) => `${operation}Command`);
    expect(iam).to.have.members(operations);
    const names = actions.map(({ name }) => name);
    expect(new Set(names).size).to.equal(names.length);
    const others = actions.filter(({ service }) => service !== 'iam').map(({ name }) => name);
    expect(others).to.have.members(['test_connection', 'get_access_key_info']);
  });

  it('is what the generator makes of the SDK and botocore that are installed', async () => {
    const files = catalogueFiles(await buildCatalogue(botocoreFacts()));
    expect(files).to.have.length(2);
    for (const { path, text } of files) {
      const advice = `${path} differs: run node scripts/catalogue/generate.ts and look at what changed`;
      expect(readFileSync(path, 'utf8') === text, advice).to.equal(true);
    }
  }).timeout(60_000);

  it('names every input of an action once, by label and by member', () => {
    for (const { name, inputs } of actions) {
      const known = inputs.flatMap(({ label, member }) => [...new Set([label.toLowerCase(), member.toLowerCase()])]);
      expect(new Set(known).size, name).to.equal(known.length);
    }
  });

  it('requires what the published integration requires', () => {
    expect(required('get_access_key_last_used')).to.deep.equal(['Access Key']);
    expect(required('create_access_key')).to.deep.equal(['Username']);
    expect(required('delete_access_key')).to.deep.equal(['Username', 'Access Key']);
    expect(required('list_access_keys')).to.deep.equal(['Username']);
    expect(required('update_access_key')).to.deep.equal(['Username', 'Access Key', 'Status']);
    expect(required('attach_user_policy')).to.deep.equal(['Username', 'Policy ARN']);
    expect(required('list_policies')).to.deep.equal([]);
    const labels = findAction('list_policies')?.inputs.map(({ label }) => label);
    // The published ones, and one that only the API has.
    const published = ['Policy Usage Filter', 'Scope', 'Only Attached'];
    expect(labels).to.deep.equal([...published, 'Path Prefix', 'Max Items', 'Role Arn']);
  });

  it('takes a role with every action', () => {
    for (const action of actions) {
      expect(action.inputs.at(-1), action.name).to.include({ label: 'Role Arn', role: 'role_arn', required: false });
    }
  });

  it('never requires less than the SDK', () => {
    for (const action of actions) {
      const shape = operationShapes(action.service, action.operation)?.input;
      const members = shape?.kind === 'structure' ? [...shape.members] : [];
      const needed = members.filter(([, member]) => member.required).map(([name]) => name);
      const have = action.inputs.filter((input) => input.required).map((input) => input.member);
      expect(have, action.name).to.include.members(needed);
    }
  });

  it('gives rows where a list is all that the answer has, and merges the pages of the others', () => {
    const outputs = new Map(actions.map(({ name, output }) => [name, output]));
    expect(outputs.get('list_access_keys')).to.deep.equal({ kind: 'rows', member: 'AccessKeyMetadata', paged: true });
    expect(outputs.get('list_policies')).to.deep.equal({ kind: 'rows', member: 'Policies', paged: true });
    expect(outputs.get('list_saml_providers')).to.include({ kind: 'rows', paged: false });
    expect(outputs.get('get_user')).to.deep.equal({ kind: 'object' });
    const merged = actions.filter(({ output }) => output.kind === 'object' && output.lists !== undefined);
    expect(Object.fromEntries(merged.map(({ name, output }) => [name, Reflect.get(output, 'lists')]))).to.deep.equal({
      get_account_authorization_details: ['UserDetailList', 'GroupDetailList', 'RoleDetailList', 'Policies'],
      get_group: ['Users'],
      get_organizations_access_report: ['AccessDetails'],
      get_service_last_accessed_details: ['ServicesLastAccessed'],
      get_service_last_accessed_details_with_entities: ['EntityDetailsList'],
      list_entities_for_policy: ['PolicyGroups', 'PolicyUsers', 'PolicyRoles'],
    });
  });

  it('has paging where the SDK has a paginator, and six times more', async () => {
    const sdk: Record<string, unknown> = await import('@aws-sdk/client-iam');
    const paged = actions
      .filter(({ output }) => (output.kind === 'rows' ? output.paged : output.lists !== undefined))
      .map(({ operation }) => operation);
    const own = paged.filter((operation) => typeof sdk[`paginate${operation}`] !== 'function');
    expect(own).to.have.members([
      'GetOrganizationsAccessReport',
      'GetServiceLastAccessedDetails',
      'GetServiceLastAccessedDetailsWithEntities',
      'ListDelegationRequests',
      'ListPoliciesGrantingServiceAccess',
      'ListServiceSpecificCredentials',
    ]);
    const paginators = Object.keys(sdk).filter((name) => name.startsWith('paginate'));
    expect(paged.length - own.length).to.equal(paginators.length);
  });

  it('lets a change act on nobody that is not named, and a blank name never be the caller', () => {
    for (const { name, repeat, inputs } of actions) {
      const user = inputs.find(({ member }) => member === 'UserName');
      if (user === undefined) continue;
      if (repeat !== 'safe') expect(user.required, name).to.equal(true);
      else expect(user.required || user.neverBlank, name).to.equal(true);
    }
  });

  it('knows the secrets that answers and inputs have', () => {
    const secrets = actions.filter(({ secretOutputs }) => secretOutputs.length > 0);
    const service = ['ServiceSpecificCredential.ServicePassword', 'ServiceSpecificCredential.ServiceCredentialSecret'];
    expect(Object.fromEntries(secrets.map(({ name, secretOutputs }) => [name, secretOutputs]))).to.deep.equal({
      create_access_key: ['AccessKey.SecretAccessKey'],
      create_service_specific_credential: service,
      create_virtual_mfa_device: ['VirtualMFADevice.Base32StringSeed', 'VirtualMFADevice.QRCodePNG'],
      list_virtual_mfa_devices: ['Base32StringSeed', 'QRCodePNG'],
      reset_service_specific_credential: service,
    });
    const inputs = actions.flatMap(({ name, inputs: own }) =>
      own.filter(({ secret }) => secret === true).map(({ member }) => `${name}.${member}`),
    );
    expect(inputs).to.have.members([
      'change_password.OldPassword',
      'change_password.NewPassword',
      'create_login_profile.Password',
      'create_saml_provider.AddPrivateKey',
      'enable_mfa_device.AuthenticationCode1',
      'enable_mfa_device.AuthenticationCode2',
      'resync_mfa_device.AuthenticationCode1',
      'resync_mfa_device.AuthenticationCode2',
      'update_login_profile.Password',
      'update_saml_provider.AddPrivateKey',
      'upload_server_certificate.PrivateKey',
    ]);
  });

  it('repeats only reads freely, never what makes something, and a change gives one result', () => {
    for (const { name, repeat, accessLevel, output } of actions) {
      const reads = accessLevel === 'read' || accessLevel === 'list';
      expect(repeat === 'safe', name).to.equal(reads);
      if (/^(?:create|upload|reset|acquire)_/.test(name)) expect(repeat, name).to.equal('never');
      if (!reads) expect(output, name).to.deep.equal({ kind: 'object' });
    }
  });

  it('waits only where a second call starts nothing twice, and for operations that there are', () => {
    const iam = new Map(actions.map((action) => [action.operation, action]));
    for (const [operation, { poll }] of waits) {
      expect(iam.get(operation)?.repeat, operation).to.equal('safe');
      if (poll !== null) expect(iam.get(poll.operation)?.repeat, poll.operation).to.equal('safe');
    }
  });

  it('has no member in an item that the agent uses for itself', () => {
    const used = ['List', 'error', 'has_error', 'error_code', 'row', 'item'];
    for (const { operation, service, output } of actions) {
      const shape = operationShapes(service, operation)?.output;
      if (shape?.kind !== 'structure') continue;
      const lists = output.kind === 'rows' ? [output.member] : (output.lists ?? []);
      for (const list of lists) {
        const listShape = shape.members.get(list)?.shape();
        const item = listShape?.kind === 'list' ? listShape.item() : undefined;
        const names = item?.kind === 'structure' ? [...item.members.keys()] : [];
        expect(
          names.filter((name) => used.includes(name)),
          operation,
        ).to.deep.equal([]);
      }
    }
  });

  it('has no action that hands out a session, and no inherited names', () => {
    for (const name of ['assume_role', 'constructor', '__proto__', 'toString', '']) {
      expect(findAction(name)).to.equal(undefined);
    }
  });
});

describe("the SDK's schemas", () => {
  it('are read for every operation that the SDK has', async () => {
    const sdk: Record<string, unknown> = await import('@aws-sdk/client-iam');
    const operations = Object.keys(sdk).filter((name) => name.endsWith('Command') && name !== '$Command');
    expect(operations.length).to.be.above(170);
    const seen = new Set<unknown>();
    const walk = (shape: NonNullable<ReturnType<typeof operationShapes>>['output'], depth: number): void => {
      if (shape === null || depth > 8) return;
      seen.add(shape.kind);
      if (shape.kind === 'structure') for (const member of shape.members.values()) walk(member.shape(), depth + 1);
      else if (shape.kind === 'list') walk(shape.item(), depth + 1);
      else if (shape.kind === 'map') walk(shape.value(), depth + 1);
    };
    for (const name of operations) {
      const shapes = operationShapes('iam', name.slice(0, -'Command'.length));
      expect(shapes, name).to.not.equal(null);
      walk(shapes?.input ?? null, 0);
      walk(shapes?.output ?? null, 0);
    }
    expect([...seen]).to.have.members(['structure', 'list', 'map', 'text', 'boolean', 'integer', 'timestamp', 'blob']);
  });
});
