/** The part of jStat that is used here; it comes without types. */
declare module 'jstat' {
  const jStat: {
    readonly chisquare: {
      /** The quantile of the χ² distribution. */
      inv(probability: number, degreesOfFreedom: number): number;
    };
  };
  export default jStat;
}
