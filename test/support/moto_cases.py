# For every operation that moto implements: what must be there for it to succeed, its input then, and inputs with which it fails. Set up with
# boto3, straight into moto; every case has things of its own, so that the order does not matter.
import json

from moto.iam.responses import IamResponse
from moto_world import PASSWORD, TRUST, World, allow

TAGS = [{"Key": "team é+@", "Value": "a & b <c> 😀"}, {"Key": "cost", "Value": ""}]
GONE = "there-is-no-such-thing-as-this"
GONE_ARN = "arn:aws:iam::123456789012:policy/there-is-no-such-thing"

# Each takes the world and gives the input of a success.
SUCCESSES = {
    "AddRoleToInstanceProfile": lambda w: {**w.profile(), **w.role()},
    "AddUserToGroup": lambda w: {**w.group(), **w.user()},
    "AttachGroupPolicy": lambda w: {**w.group(), **w.policy()},
    "AttachRolePolicy": lambda w: {**w.role(), **w.policy()},
    "AttachUserPolicy": lambda w: {**w.user(), **w.policy()},
    "CreateAccessKey": lambda w: w.user(),
    "CreateAccountAlias": lambda w: {"AccountAlias": w.name("alias")},
    "CreateGroup": lambda w: {"GroupName": w.name("group"), "Path": "/a/"},
    "CreateInstanceProfile": lambda w: {"InstanceProfileName": w.name("profile"), "Path": "/a/", "Tags": TAGS},
    "CreateLoginProfile": lambda w: {**w.user(), "Password": PASSWORD, "PasswordResetRequired": True},
    "CreateOpenIDConnectProvider": lambda w: {
        "Url": f"https://{w.name('idp')}.example.com",
        "ClientIDList": ["a", "b"],
        "ThumbprintList": ["c" * 40],
        "Tags": TAGS,
    },
    "CreatePolicy": lambda w: {
        "PolicyName": w.name("policy"),
        "Path": "/a/",
        "PolicyDocument": allow("s3:*"),
        "Description": "é <&> + % 😀",
        "Tags": TAGS,
    },
    "CreatePolicyVersion": lambda w: {**w.policy(), "PolicyDocument": allow("ec2:*"), "SetAsDefault": True},
    "CreateRole": lambda w: {
        "RoleName": w.name("role"),
        "Path": "/a/",
        "AssumeRolePolicyDocument": TRUST,
        "Description": "a role",
        "MaxSessionDuration": 7200,
        "PermissionsBoundary": w.policy()["PolicyArn"],
        "Tags": TAGS,
    },
    "CreateSAMLProvider": lambda w: {"Name": w.name("saml"), "SAMLMetadataDocument": "é <x> " * 200},
    "CreateServiceLinkedRole": lambda w: {"AWSServiceName": "autoscaling.amazonaws.com", "CustomSuffix": w.name("s"), "Description": "d"},
    "CreateUser": lambda w: {"UserName": w.name("user"), "Path": "/a/", "PermissionsBoundary": w.policy()["PolicyArn"], "Tags": TAGS},
    "CreateVirtualMFADevice": lambda w: {"VirtualMFADeviceName": w.name("mfa"), "Path": "/a/", "Tags": TAGS},
    "DeactivateMFADevice": lambda w: w.enabled_mfa(),
    "DeleteAccessKey": lambda w: w.key(),
    "DeleteAccountAlias": lambda w: w.alias(),
    "DeleteAccountPasswordPolicy": lambda w: w.password_policy(),
    "DeleteGroup": lambda w: w.group(),
    "DeleteGroupPolicy": lambda w: w.group_policy(),
    "DeleteInstanceProfile": lambda w: w.profile(),
    "DeleteLoginProfile": lambda w: w.login(),
    "DeleteOpenIDConnectProvider": lambda w: w.oidc(),
    "DeletePolicy": lambda w: w.policy(),
    "DeletePolicyVersion": lambda w: {**w.policy_versions(), "VersionId": "v1"},
    "DeleteRole": lambda w: w.role(),
    "DeleteRolePermissionsBoundary": lambda w: w.bounded_role(),
    "DeleteRolePolicy": lambda w: w.role_policy(),
    "DeleteSAMLProvider": lambda w: w.saml(),
    "DeleteSSHPublicKey": lambda w: w.ssh_key(),
    "DeleteServerCertificate": lambda w: w.server_certificate(),
    "DeleteServiceLinkedRole": lambda w: w.service_role(),
    "DeleteSigningCertificate": lambda w: w.signing_certificate(),
    "DeleteUser": lambda w: w.user(),
    "DeleteUserPolicy": lambda w: w.user_policy(),
    "DeleteVirtualMFADevice": lambda w: w.mfa(),
    "DetachGroupPolicy": lambda w: w.attached("group"),
    "DetachRolePolicy": lambda w: w.attached("role"),
    "DetachUserPolicy": lambda w: w.attached("user"),
    "EnableMFADevice": lambda w: {**w.user(), **w.mfa(), "AuthenticationCode1": "918273", "AuthenticationCode2": "645546"},
    "GenerateCredentialReport": lambda w: {},
    "GetAccessKeyLastUsed": lambda w: {"AccessKeyId": w.key()["AccessKeyId"]},
    "GetAccountAuthorizationDetails": lambda w: w.everything(),
    "GetAccountPasswordPolicy": lambda w: w.password_policy(),
    "GetAccountSummary": lambda w: {},
    "GetCredentialReport": lambda w: w.report(),
    "GetGroup": lambda w: w.group_of(3),
    "GetGroupPolicy": lambda w: w.group_policy(),
    "GetInstanceProfile": lambda w: w.filled_profile(),
    "GetLoginProfile": lambda w: w.login(),
    "GetOpenIDConnectProvider": lambda w: w.oidc(),
    "GetPolicy": lambda w: w.policy(),
    "GetPolicyVersion": lambda w: {**w.policy(), "VersionId": "v1"},
    "GetRole": lambda w: w.bounded_role(),
    "GetRolePolicy": lambda w: w.role_policy(),
    "GetSAMLProvider": lambda w: w.saml(),
    "GetSSHPublicKey": lambda w: {**w.ssh_key(), "Encoding": "SSH"},
    "GetServerCertificate": lambda w: w.server_certificate(),
    "GetServiceLinkedRoleDeletionStatus": lambda w: w.deletion(),
    "GetUser": lambda w: w.user(),
    "GetUserPolicy": lambda w: w.user_policy(),
    "ListAccessKeys": lambda w: {"UserName": w.key()["UserName"]},
    "ListAccountAliases": lambda w: w.alias(give=False),
    "ListAttachedGroupPolicies": lambda w: {"GroupName": w.attached("group")["GroupName"]},
    "ListAttachedRolePolicies": lambda w: {"RoleName": w.attached("role")["RoleName"]},
    "ListAttachedUserPolicies": lambda w: {"UserName": w.attached("user")["UserName"]},
    "ListEntitiesForPolicy": lambda w: {"PolicyArn": w.attached("user")["PolicyArn"]},
    "ListGroupPolicies": lambda w: {"GroupName": w.group_policy()["GroupName"]},
    "ListGroups": lambda w: w.some("group"),
    "ListGroupsForUser": lambda w: {"UserName": w.member()["UserName"]},
    "ListInstanceProfiles": lambda w: w.some("filled_profile"),
    "ListInstanceProfilesForRole": lambda w: {"RoleName": w.filled_profile(give="role")["RoleName"]},
    "ListMFADevices": lambda w: {"UserName": w.enabled_mfa()["UserName"]},
    "ListOpenIDConnectProviderTags": lambda w: w.oidc(),
    "ListOpenIDConnectProviders": lambda w: w.some("oidc"),
    "ListPolicies": lambda w: {**w.some("policy"), "Scope": "Local"},
    "ListPolicyTags": lambda w: w.policy(),
    "ListPolicyVersions": lambda w: w.policy_versions(),
    "ListRolePolicies": lambda w: {"RoleName": w.role_policy()["RoleName"]},
    "ListRoleTags": lambda w: w.role(),
    "ListRoles": lambda w: w.some("bounded_role"),
    "ListSAMLProviders": lambda w: w.some("saml"),
    "ListSSHPublicKeys": lambda w: {"UserName": w.ssh_key()["UserName"]},
    "ListServerCertificates": lambda w: w.some("server_certificate"),
    "ListSigningCertificates": lambda w: {"UserName": w.signing_certificate()["UserName"]},
    "ListUserPolicies": lambda w: {"UserName": w.user_policy()["UserName"]},
    "ListUserTags": lambda w: w.user(),
    "ListUsers": lambda w: w.some("user"),
    "ListVirtualMFADevices": lambda w: {**w.some("enabled_mfa"), "AssignmentStatus": "Any"},
    "PutGroupPolicy": lambda w: {**w.group(), "PolicyName": "inline", "PolicyDocument": allow("s3:Get*")},
    "PutRolePermissionsBoundary": lambda w: {**w.role(), "PermissionsBoundary": w.policy()["PolicyArn"]},
    "PutRolePolicy": lambda w: {**w.role(), "PolicyName": "inline", "PolicyDocument": allow("s3:Get*")},
    "PutUserPolicy": lambda w: {**w.user(), "PolicyName": "inline", "PolicyDocument": allow("s3:Get*")},
    "RemoveRoleFromInstanceProfile": lambda w: w.filled_profile(give="both"),
    "RemoveUserFromGroup": lambda w: w.member(),
    "SetDefaultPolicyVersion": lambda w: {**w.policy_versions(), "VersionId": "v1"},
    "TagInstanceProfile": lambda w: {**w.profile(), "Tags": TAGS},
    "TagOpenIDConnectProvider": lambda w: {**w.oidc(), "Tags": TAGS},
    "TagPolicy": lambda w: {**w.policy(), "Tags": TAGS},
    "TagRole": lambda w: {**w.role(), "Tags": TAGS},
    "TagUser": lambda w: {**w.user(), "Tags": TAGS},
    "UntagInstanceProfile": lambda w: {**w.profile(), "TagKeys": ["team", "x"]},
    "UntagOpenIDConnectProvider": lambda w: {**w.oidc(), "TagKeys": ["team"]},
    "UntagPolicy": lambda w: {**w.policy(), "TagKeys": ["team"]},
    "UntagRole": lambda w: {**w.role(), "TagKeys": ["team"]},
    "UntagUser": lambda w: {**w.user(), "TagKeys": ["team"]},
    "UpdateAccessKey": lambda w: {**w.key(), "Status": "Inactive"},
    "UpdateAccountPasswordPolicy": lambda w: {"MinimumPasswordLength": 12, "RequireSymbols": True, "MaxPasswordAge": 90, "HardExpiry": False},
    "UpdateAssumeRolePolicy": lambda w: {**w.role(), "PolicyDocument": TRUST},
    "UpdateGroup": lambda w: {**w.group(), "NewPath": "/b/", "NewGroupName": w.name("group")},
    "UpdateLoginProfile": lambda w: {**w.login(), "Password": PASSWORD + "2", "PasswordResetRequired": False},
    "UpdateOpenIDConnectProviderThumbprint": lambda w: {**w.oidc(), "ThumbprintList": ["d" * 40]},
    "UpdateRole": lambda w: {**w.role(), "Description": "new é", "MaxSessionDuration": 3600},
    "UpdateRoleDescription": lambda w: {**w.role(), "Description": "new é"},
    "UpdateSAMLProvider": lambda w: {**w.saml(), "SAMLMetadataDocument": "y" * 1200},
    "UpdateSSHPublicKey": lambda w: {**w.ssh_key(), "Status": "Inactive"},
    "UpdateSigningCertificate": lambda w: {**w.signing_certificate(), "Status": "Inactive"},
    "UpdateUser": lambda w: {**w.user(), "NewPath": "/b/", "NewUserName": w.name("user")},
    "UploadSSHPublicKey": lambda w: {**w.user(), "SSHPublicKeyBody": "ssh-rsa AAAA é"},
    "UploadServerCertificate": lambda w: {
        "ServerCertificateName": w.name("cert"),
        "Path": "/a/",
        "CertificateBody": w.certificate(),
        "PrivateKey": "secret",
        "CertificateChain": w.certificate(),
    },
    "UploadSigningCertificate": lambda w: {**w.user(), "CertificateBody": w.certificate()},
}


def implemented(api):
    return [name for name in api.meta.service_model.operation_names if hasattr(IamResponse, api_method(api, name))]


def api_method(api, name):
    return next(method for method, operation in api.meta.method_to_api_mapping.items() if operation == name)


def gone(given):
    """The same input for things that are not there: one input for each of its members that names one."""
    found = []
    for name, value in given.items():
        if name.endswith(("Arn", "SerialNumber")):
            found.append({**given, name: GONE_ARN})
        elif name.endswith(("Name", "Id")) and isinstance(value, str) and not name.startswith("New"):
            found.append({**given, name: "v99" if name == "VersionId" else GONE})
    return found


def arrange(api, name):
    world = World(api)
    make = SUCCESSES.get(name)
    if make is None:
        return {"success": None, "failures": []}
    success = make(world)
    # Whatever is created a second time is there already; the caller runs the success first.
    return {"success": success, "failures": json.loads(json.dumps([*gone(success), success]))}
