/** Rates of links are configured in Mbit/s and used in bytes per millisecond. */
export const BYTES_PER_MS_OF_A_MBIT = 125;
