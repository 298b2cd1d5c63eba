import { createHash } from 'node:crypto';
import { failure, type Outcome, success } from '@sage/core';
import { z } from 'zod';
import { pathText } from '../config/issues.js';

/** What Sage keeps of one alert of a notification. */
export interface Alert {
  readonly status: 'firing' | 'resolved';
  readonly fingerprint: string;
  readonly startsAt: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What Sage keeps of a webhook notification of Alertmanager. */
export interface Notification {
  /** Equal for every delivery of the same news: the group and what is firing or resolved in it. */
  readonly key: string;
  readonly groupKey: string;
  /** Why it was sent, where Alertmanager says so. */
  readonly notificationReason: string | undefined;
  readonly alerts: readonly Alert[];
}

const MAX_ALERTS = 5000;
const strings = z.record(z.string(), z.string());

const alertSchema = z.object({
  status: z.enum(['firing', 'resolved']),
  labels: strings,
  startsAt: z.iso.datetime({ offset: true }),
  fingerprint: z.string().min(1),
});

const payloadSchema = z.object({
  groupKey: z.string().min(1),
  status: z.enum(['firing', 'resolved']),
  receiver: z.string(),
  notification_reason: z.string().optional(),
  alerts: z.array(alertSchema).min(1).max(MAX_ALERTS),
});

/** A webhook body of version "4", as Alertmanager's `webhook_config` documents it. */
export function parseNotification(body: unknown): Outcome<Notification, 'invalid'> {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    return failure('invalid', 'expected a JSON object: a webhook notification of Alertmanager');
  }
  const version = (body as { version?: unknown }).version;
  if (version !== '4') {
    return failure(
      'invalid',
      `version: expected "4", got ${version === undefined ? 'nothing' : JSON.stringify(version).slice(0, 40)}`,
    );
  }
  const parsed = payloadSchema.safeParse(body);
  if (!parsed.success) {
    const issues = parsed.error.issues
      .slice(0, 5)
      .map((issue) => `${pathText(issue.path)}: ${issue.message}`);
    return failure('invalid', issues.join('; '));
  }
  const { groupKey, notification_reason, alerts } = parsed.data;
  return success({
    key: notificationKey(groupKey, alerts),
    groupKey,
    notificationReason: notification_reason,
    alerts: alerts.map(({ status, labels, startsAt, fingerprint }) => ({
      status,
      labels,
      startsAt,
      fingerprint,
    })),
  });
}

/** One alert from its start to its end, whoever delivers it. */
export function alertIdOf({ fingerprint, startsAt }: Pick<Alert, 'fingerprint' | 'startsAt'>): string {
  return `${fingerprint}@${startsAt}`;
}

function notificationKey(
  groupKey: string,
  alerts: readonly Pick<Alert, 'fingerprint' | 'status' | 'startsAt'>[],
): string {
  const parts = alerts
    .map((alert) => JSON.stringify([alert.fingerprint, alert.status, alert.startsAt]))
    .sort();
  return createHash('sha256')
    .update(JSON.stringify([groupKey, ...parts]))
    .digest('hex');
}
