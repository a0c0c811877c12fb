import { describe, expect, it } from 'vitest';
import { InvalidName } from '../src/message/names.ts';
import { InvalidContext } from './invalid-context.ts';
import { parseStage, stackName, stagePrefix } from './stage.ts';

describe('the stage', () => {
  it('is dev where none is given', () => {
    expect(parseStage(undefined)).toBe('dev');
    expect(parseStage('prod')).toBe('prod');
  });

  it('names the right ones when it is none of them', () => {
    expect(() => parseStage('porduction')).toThrow(
      new InvalidContext('"porduction" is not a stage: expected -c stage=dev or -c stage=prod'),
    );
    expect(() => parseStage('prdo')).toThrow('"prdo" is not a stage (did you mean prod?)');
    expect(() => parseStage('')).toThrow(InvalidContext);
    expect(() => parseStage(true)).toThrow(InvalidContext);
  });

  it('sets the queues of one stage apart from those of the other', () => {
    expect(stagePrefix('hikyaku', 'prod')).toBe('hikyaku-prod');
    expect(() => stagePrefix('a-long-prefix', 'prod')).toThrow(InvalidName);
  });

  it('makes a stack name that CloudFormation takes', () => {
    expect(stackName('my_app-dev', 'messaging')).toBe('my-app-dev-messaging');
  });
});
