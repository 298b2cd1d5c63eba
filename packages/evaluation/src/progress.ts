/** Told how far a long piece of work has come, 0..1, and in words. */
export type Progress = (part: number, words: string) => void;
