// Loaded before a function is: its clock is ahead by as many milliseconds as the file says, so that minutes need not pass
// in tests. Plain JavaScript, since it runs with nothing around it.
import { readFileSync } from 'node:fs';

const { now } = Date;
Date.now = () => now() + Number(readFileSync(process.env.TEST_CLOCK_FILE, 'utf8'));
