export {
  type Collector,
  type CollectorOptions,
  type CollectorStats,
  type Every,
  startCollector,
} from './collector.js';
export { type ObjectiveEvent, ObjectiveWatcher, type ObjectiveWatcherOptions } from './objective-watcher.js';
export {
  jaegerUdp,
  otlpHttp,
  type ReceiverSink,
  type ReceiverStarter,
  type RunningReceiver,
} from './receiver.js';
