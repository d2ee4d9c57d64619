export { commitLogSchema } from './coherence/schema.js';
