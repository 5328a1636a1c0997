// The row that the corpus is rendered with, as JSON text: numbers keep their source.
export const corpusRow = `{
  "name": "alice", "user": "Alice Smith", "empty": "", "blank": "   ", "none_v": null, "true_v": true, "false_v": false,
  "num": 5, "neg": -7, "zero": 0, "float": 2.5, "one_f": 1.0, "exp": 1e3, "big": 9007199254740993, "huge": 123456789012345678901234567890,
  "list": [3, 1, 2], "names": ["bob", "Alice", "carol", "alice"], "mixed": [1, "a", null, true, 2.0], "nested": [[1, 2], [3]],
  "obj": {"a": 1, "b": {"c": "deep"}, "n": null}, "User Name": "with blank", "quote": "it's", "both": "it's \\"x\\"",
  "lines": "one\\ntwo\\n\\nthree", "path": "/a b/c&d?e=\\u00fc", "html": "<a href=\\"x\\">&'</a>", "uni": "\\u00e9\\ud83d\\ude00z", "nl": "a\\nb\\t\\\\",
  "sentence": "the quick brown fox jumps", "csv": "a,b,,c", "digits": "0042", "items": [{"n": 2, "s": "x"}, {"n": 1, "s": "Y"}, {"n": 3, "s": "x"}],
  "arn": "arn:aws:iam::123456789012:user/team/alice", "email": "Alice@Example.com", "zeros": [0, 0.0, false], "tags": {"env": "prod", "Team": "x", "cost": "7"},
  "users": [
    {"UserName": "alice", "Path": "/team/", "Arn": "arn:aws:iam::123456789012:user/team/alice", "Age": 400, "Tags": [{"Key": "env", "Value": "prod"}, {"Key": "Owner", "Value": "Ops"}],
     "Keys": [{"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Active", "CreateDate": "2021-06-09T04:17:00+00:00"}, {"AccessKeyId": "AKIAI44QH8DHBEXAMPLE", "Status": "Inactive", "CreateDate": "2023-01-02T00:00:00+00:00"}]},
    {"UserName": "Bob", "Path": "/", "Arn": "arn:aws:iam::123456789012:user/Bob", "Age": 12, "Tags": [], "Keys": []},
    {"UserName": "carol", "Path": "/team/", "Arn": "arn:aws:iam::123456789012:user/team/carol", "Age": 90, "Tags": [{"Key": "env", "Value": "dev"}], "PasswordLastUsed": "2024-02-29T23:59:59+00:00",
     "Keys": [{"AccessKeyId": "AKIACAROL", "Status": "Active", "CreateDate": "2024-05-05T05:05:05+00:00"}]}
  ],
  "policy": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["iam:GetUser", "iam:ListUsers"], "Resource": "*"}, {"Effect": "Deny", "Action": "iam:*", "Resource": "arn:aws:iam::123456789012:user/admin"}]},
  "created": "2021-06-09T04:17:00+00:00", "severity": "HIGH", "alert": {"id": 42, "title": "Root login", "source": {"ip": "203.0.113.7", "geo": {"country": "DE"}}, "score": 87.5, "labels": ["iam", "root"]},
  "tree": [{"name": "a", "children": [{"name": "b", "children": []}, {"name": "c", "children": [{"name": "d", "children": []}]}]}, {"name": "e", "children": []}],
  "matrix": [[1, 2, 3], [4, 5, 6]], "floats": [1.5, -0.25, 3.0, 1e16, 1e-7], "flags": {"mfa": true, "console": false, "note": null}, "emptyd": {}, "emptyl": [],
  "para": "The agent-side rule, when well-known, is: rotate keys every ninety days -- or sooner. Supercalifragilistic", "mail": "<p>Hello <b>Ann</b> &amp; Bob</p><!-- x -->\\n  bye", "tabs": "a\\tbb\\tccc", "mixedcase": "Hello World"
}`;
