import { expect } from 'chai';
import { FEATURE_NAMES, replicaJoin } from '../src/index.js';

describe('replicaJoin', () => {
  it('adds what is consumed and takes the largest of all else', () => {
    expect(FEATURE_NAMES.filter((feature) => replicaJoin(feature) === 'sum')).to.have.members([
      'cpu_usage_cores',
      'memory_working_set_bytes',
      'disk_io_bytes_per_second',
      'network_receive_bytes_per_second',
      'network_transmit_bytes_per_second',
      'llc_occupancy_bytes',
      'memory_bandwidth_bytes_per_second',
    ]);
  });
});
