# The things that an operation needs before it can succeed, each made anew with a name of its own.
import datetime
import itertools
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PASSWORD = "Aa1!é +%&=<>"
numbers = itertools.count(1)
certificates = []


def allow(action):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "arn:aws:s3:::a+b/100%/é"}]})


TRUST = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}, indent=1
)


def make_certificate():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    start = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = builder.not_valid_before(start).not_valid_after(start + datetime.timedelta(days=9999)).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


class World:
    def __init__(self, iam):
        self.iam = iam

    def name(self, kind):
        return f"{kind}-{next(numbers)}"

    def certificate(self):
        if not certificates:
            certificates.append(make_certificate())
        return certificates[0]

    def some(self, kind):
        for _ in range(3):
            getattr(self, kind)()
        return {}

    def everything(self):
        for kind in ("user_policy", "group_policy", "role_policy", "filled_profile", "bounded_role", "policy_versions", "member"):
            getattr(self, kind)()
        for kind in ("user", "group", "role"):
            self.attached(kind)
        return {}

    def user(self):
        made = {"UserName": self.name("user")}
        self.iam.create_user(**made, Tags=[{"Key": "team", "Value": "é <&> 😀"}])
        return made

    def group(self):
        made = {"GroupName": self.name("group")}
        self.iam.create_group(**made)
        return made

    def role(self):
        made = {"RoleName": self.name("role")}
        tags = [{"Key": "team", "Value": "é <&> 😀"}]
        self.iam.create_role(**made, AssumeRolePolicyDocument=TRUST, Description="é <&> %41", Tags=tags)
        return made

    def policy(self):
        made = self.iam.create_policy(
            PolicyName=self.name("policy"), PolicyDocument=allow("s3:Get*"), Description="é + %", Tags=[{"Key": "team", "Value": "x"}]
        )
        return {"PolicyArn": made["Policy"]["Arn"]}

    def policy_versions(self):
        made = self.policy()
        self.iam.create_policy_version(**made, PolicyDocument=allow("s3:*"), SetAsDefault=True)
        return made

    def profile(self):
        made = {"InstanceProfileName": self.name("profile")}
        self.iam.create_instance_profile(**made, Tags=[{"Key": "team", "Value": "x"}])
        return made

    def filled_profile(self, give="profile"):
        profile, role = self.profile(), self.role()
        self.iam.add_role_to_instance_profile(**profile, **role)
        return {"profile": profile, "role": role, "both": {**profile, **role}}[give]

    def bounded_role(self):
        made = self.role()
        self.iam.put_role_permissions_boundary(**made, PermissionsBoundary=self.policy()["PolicyArn"])
        return made

    def member(self):
        made = {**self.group(), **self.user()}
        self.iam.add_user_to_group(**made)
        return made

    def group_of(self, size):
        group = self.group()
        for _ in range(size):
            self.iam.add_user_to_group(**group, **self.user())
        return group

    def key(self):
        made = self.iam.create_access_key(**self.user())["AccessKey"]
        return {"UserName": made["UserName"], "AccessKeyId": made["AccessKeyId"]}

    def login(self):
        made = self.user()
        self.iam.create_login_profile(**made, Password=PASSWORD)
        return made

    def alias(self, give=True):
        made = {"AccountAlias": self.name("alias")}
        self.iam.create_account_alias(**made)
        return made if give else {}

    def password_policy(self):
        self.iam.update_account_password_policy(MinimumPasswordLength=10, MaxPasswordAge=30)
        return {}

    def inline(self, kind):
        made = {**getattr(self, kind)(), "PolicyName": self.name("inline")}
        getattr(self.iam, f"put_{kind}_policy")(**made, PolicyDocument=allow("s3:*"))
        return made

    def user_policy(self):
        return self.inline("user")

    def group_policy(self):
        return self.inline("group")

    def role_policy(self):
        return self.inline("role")

    def attached(self, kind):
        made = {**getattr(self, kind)(), **self.policy()}
        getattr(self.iam, f"attach_{kind}_policy")(**made)
        return made

    def mfa(self):
        made = self.iam.create_virtual_mfa_device(VirtualMFADeviceName=self.name("mfa"))
        return {"SerialNumber": made["VirtualMFADevice"]["SerialNumber"]}

    def enabled_mfa(self):
        made = {**self.user(), **self.mfa()}
        self.iam.enable_mfa_device(**made, AuthenticationCode1="123456", AuthenticationCode2="654321")
        return made

    def oidc(self):
        url = f"https://{self.name('idp')}.example.com/path"
        tags = [{"Key": "team", "Value": "x"}]
        made = self.iam.create_open_id_connect_provider(Url=url, ThumbprintList=["a" * 40], ClientIDList=["b"], Tags=tags)
        return {"OpenIDConnectProviderArn": made["OpenIDConnectProviderArn"]}

    def saml(self):
        made = self.iam.create_saml_provider(Name=self.name("saml"), SAMLMetadataDocument="é <x> " * 200)
        return {"SAMLProviderArn": made["SAMLProviderArn"]}

    def ssh_key(self):
        made = self.iam.upload_ssh_public_key(**self.user(), SSHPublicKeyBody="ssh-rsa AAAA")["SSHPublicKey"]
        return {"UserName": made["UserName"], "SSHPublicKeyId": made["SSHPublicKeyId"]}

    def server_certificate(self):
        made = {"ServerCertificateName": self.name("cert")}
        self.iam.upload_server_certificate(**made, CertificateBody=self.certificate(), PrivateKey="secret")
        return made

    def signing_certificate(self):
        made = self.iam.upload_signing_certificate(**self.user(), CertificateBody=self.certificate())["Certificate"]
        return {"UserName": made["UserName"], "CertificateId": made["CertificateId"]}

    def service_role(self):
        suffix = self.name("s")
        made = self.iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com", CustomSuffix=suffix)
        return {"RoleName": made["Role"]["RoleName"]}

    def deletion(self):
        return {"DeletionTaskId": self.iam.delete_service_linked_role(**self.service_role())["DeletionTaskId"]}

    def report(self):
        self.key()
        while self.iam.generate_credential_report()["State"] != "COMPLETE":
            pass
        return {}
