// Templates of the corpus that hold line ends.
export const longTemplates: readonly string[] = [
  'ends with a line end\n',
  'two line ends\n\n',
  '{{ name }}\r\nnext\rlast\r\n',
  '{% if name %}\n  inside\n{% endif %}\nafter',
  '{% for x in list -%}\n  {{ x }}\n{%- endfor %}',
  'a\n  {#- gone -#}  \nb',
  "{{ 'a\nb' }}",
  '{% set a = 1 %}\n{{ a }}\n',
];
