import { errorMessage, failure, type Outcome, success } from '@sage/core';
import {
  asEnum,
  asMicroseconds,
  asNumber,
  asObject,
  asObjects,
  asText,
  type JsonObject,
  jsonSeries,
  readJsonResource,
} from './json-reader.js';
import {
  type DecodedPoints,
  NO_RECORDED_VALUE,
  PointBatch,
  type PointValue,
  temporalityOf,
} from './metric-point.js';

const TEMPORALITY_NAMES = [
  'AGGREGATION_TEMPORALITY_UNSPECIFIED',
  'AGGREGATION_TEMPORALITY_DELTA',
  'AGGREGATION_TEMPORALITY_CUMULATIVE',
];

const SHAPES = ['gauge', 'sum', 'histogram', 'exponentialHistogram'] as const;

/** An ExportMetricsServiceRequest in OTLP's JSON; only metrics whose name is `wanted` are decoded. */
export function decodeMetricsJson(
  body: Buffer,
  wanted: (name: string) => boolean,
): Outcome<DecodedPoints, 'malformed'> {
  const batch = new PointBatch();
  try {
    const request = asObject(JSON.parse(body.toString('utf8')), 'the request');
    asObjects(request.resourceMetrics, 'resourceMetrics').forEach((group, r) => {
      const path = `resourceMetrics[${r}]`;
      const origin = readJsonResource(group, path);
      asObjects(group.scopeMetrics, `${path}.scopeMetrics`).forEach((scope, s) => {
        const metricsPath = `${path}.scopeMetrics[${s}].metrics`;
        asObjects(scope.metrics, metricsPath).forEach((metric, m) => {
          const name = asText(metric.name);
          if (!wanted(name)) return;
          const head = { ...origin, name, unit: asText(metric.unit) };
          for (const { point, value } of readPoints(metric, `${metricsPath}[${m}]`)) {
            batch.add({
              ...head,
              series: jsonSeries(asObjects(point.attributes, `${metricsPath}[${m}]…attributes`)),
              startMs: Math.floor(asMicroseconds(point.startTimeUnixNano) / 1000) || 0,
              timeMs: Math.floor(asMicroseconds(point.timeUnixNano) / 1000),
              value,
            });
          }
        });
      });
    });
    return success(batch);
  } catch (error) {
    return failure('malformed', `not a JSON ExportMetricsServiceRequest: ${errorMessage(error)}`);
  }
}

function* readPoints(
  metric: JsonObject,
  path: string,
): Generator<{ readonly point: JsonObject; readonly value: PointValue }> {
  for (const shape of SHAPES) {
    if (metric[shape] === undefined || metric[shape] === null) continue;
    const data = asObject(metric[shape], `${path}.${shape}`);
    const temporality = temporalityOf(asEnum(data.aggregationTemporality, TEMPORALITY_NAMES));
    const monotonic = data.isMonotonic === true;
    for (const point of asObjects(data.dataPoints, `${path}.${shape}.dataPoints`)) {
      if ((asEnum(point.flags, []) & NO_RECORDED_VALUE) !== 0) continue;
      const value = asNumber(point.asDouble ?? point.asInt);
      if (shape === 'gauge') yield { point, value: { kind: 'gauge', value } };
      else if (shape === 'sum') yield { point, value: { kind: 'sum', value, monotonic, temporality } };
      else {
        const count = point.count === undefined ? 0 : asNumber(point.count);
        yield { point, value: { kind: 'histogram', count, sum: asNumber(point.sum), temporality } };
      }
    }
  }
}
