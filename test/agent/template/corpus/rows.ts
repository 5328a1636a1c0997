// The row that the corpus is rendered with, as JSON text: numbers keep their source.
export const corpusRow = `{
  "name": "alice", "user": "Alice Smith", "empty": "", "blank": "   ", "none_v": null, "true_v": true, "false_v": false,
  "num": 5, "neg": -7, "zero": 0, "float": 2.5, "one_f": 1.0, "exp": 1e3, "big": 9007199254740993, "huge": 123456789012345678901234567890,
  "list": [3, 1, 2], "names": ["bob", "Alice", "carol", "alice"], "mixed": [1, "a", null, true, 2.0], "nested": [[1, 2], [3]],
  "obj": {"a": 1, "b": {"c": "deep"}, "n": null}, "User Name": "with blank", "quote": "it's", "both": "it's \\"x\\"",
  "lines": "one\\ntwo\\n\\nthree", "path": "/a b/c&d?e=\\u00fc", "html": "<a href=\\"x\\">&'</a>", "uni": "\\u00e9\\ud83d\\ude00z", "nl": "a\\nb\\t\\\\",
  "sentence": "the quick brown fox jumps", "csv": "a,b,,c", "digits": "0042", "items": [{"n": 2, "s": "x"}, {"n": 1, "s": "Y"}, {"n": 3, "s": "x"}],
  "arn": "arn:aws:iam::123456789012:user/team/alice", "email": "Alice@Example.com", "zeros": [0, 0.0, false], "tags": {"env": "prod", "Team": "x", "cost": "7"}
}`;
