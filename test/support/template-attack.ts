// Run by the hostile-template test in a process of its own: prints for each template its refusal code (or what it rendered), the time and
// the heap it took.
import { compileTemplate, renderTemplate } from '../../agent/template/template.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import { hostileTemplates } from '../agent/template/corpus/hostile.ts';

for (const template of hostileTemplates) {
  const heap = process.memoryUsage().heapUsed;
  // The time that this thread worked: on a busy machine the wall clock measures the others.
  const start = process.threadCpuUsage();
  const compiled = compileTemplate(template);
  const row = { name: 'alice' };
  const result = isRefusal(compiled)
    ? compiled
    : renderTemplate(compiled, { row, references: {}, secretNames: new Set() });
  const used = process.threadCpuUsage(start);
  const tookMs = (used.user + used.system) / 1_000;
  const grownBytes = process.memoryUsage().heapUsed - heap;
  const answer = isRefusal(result) ? { code: result.code } : { rendered: result.slice(0, 80) };
  process.stdout.write(`${JSON.stringify({ template: template.slice(0, 80), ...answer, tookMs, grownBytes })}\n`);
}
