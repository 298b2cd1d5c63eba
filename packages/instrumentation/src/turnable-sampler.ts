import type { Attributes, Context, Link, SpanKind } from '@opentelemetry/api';
import { type Sampler, type SamplingResult, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base';

/** Keeps a share of traces that can be turned while the service runs. */
export class TurnableSampler implements Sampler {
  #sampler: TraceIdRatioBasedSampler;

  constructor(ratio: number) {
    this.#sampler = new TraceIdRatioBasedSampler(ratio);
  }

  /** From the next root request on. */
  turn(ratio: number): void {
    if (!(ratio >= 0 && ratio <= 1)) throw new RangeError(`sampling ratio: expected 0..1, got ${ratio}`);
    this.#sampler = new TraceIdRatioBasedSampler(ratio);
  }

  shouldSample(
    context: Context,
    traceId: string,
    _spanName: string,
    _spanKind: SpanKind,
    _attributes: Attributes,
    _links: Link[],
  ): SamplingResult {
    return this.#sampler.shouldSample(context, traceId);
  }

  toString(): string {
    return this.#sampler.toString();
  }
}
