import type { ActionStatus } from '@sage/core';
import { expect } from 'chai';
import type { IncidentAction, IncidentRecord } from '../src/incidents/incident.js';
import { settlingOf } from '../src/incidents/settling.js';

const incident = (
  ...actions: readonly (readonly [service: string, doneMs: number | null, status: ActionStatus])[]
): IncidentRecord =>
  ({
    actions: actions.map(([service, doneMs, status]) => ({
      plan: { service },
      doneMs,
      outcomes: [{ status }],
    })) as unknown as readonly IncidentAction[],
  }) as IncidentRecord;

describe('what settles after an action', () => {
  /** Two windows of 30 s. */
  const at = (nowMs: number, ...incidents: readonly IncidentRecord[]) => {
    const { settledMs, helped } = settlingOf(incidents, { windowSeconds: 30, nowMs });
    return [settledMs, [...helped]];
  };

  it('is nothing where nothing was done', () => {
    expect(at(100_000)).to.deep.equal([0, []]);
    expect(at(100_000, incident())).to.deep.equal([0, []]);
  });

  it('is whoever was helped in the last two windows, in whatever incident', () => {
    const [first, second] = [incident(['cart', 10_000, 'applied']), incident(['rate', 40_000, 'applied'])];
    expect(at(60_000, first, second)).to.deep.equal([100_000, ['cart', 'rate']]);
    expect(at(70_000, first, second)).to.deep.equal([100_000, ['rate']]);
    expect(at(100_000, first, second)).to.deep.equal([100_000, []]);
  });

  it('counts what was applied, and neither what failed nor what is still to be done', () => {
    const one = incident(['cart', 10_000, 'failed'], ['rate', null, 'applied'], ['geo', 20_000, 'applied']);
    expect(at(60_000, one)).to.deep.equal([80_000, ['geo']]);
  });
});
