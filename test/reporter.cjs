const { reporters, Runner } = require('mocha');

/** Mocha's own report with one plain line at its end, for people and scripts that read only the last one. */
module.exports = class ReporterWithTotals extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      const skipped = pending === 0 ? '' : `, ${pending} skipped`;
      process.stdout.write(`${passes} passed, ${failures} failed${skipped}\n`);
    });
  }
};
