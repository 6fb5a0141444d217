import { type Scenario, updateToStage } from './scenario.ts';

export const freshClient: Scenario = {
  name: 'a client with an empty folder arrives at the staged versions',
  client: 'fresh',
  play: updateToStage,
};
