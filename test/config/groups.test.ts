import { describe, expect, test } from '@jest/globals';
import { coreGroup } from '../../mlapi/config/core-config.ts';
import { ConfigError, readVariables } from '../../mlapi/config/read-variables.ts';
import { integer, text, variable, type VariableGroup } from '../../mlapi/config/variable.ts';
import { temporaryFolder } from '../support/service.ts';

const greeting: VariableGroup<{ readonly greeting: string; readonly times: number }> = {
  variables: [
    variable('MLAPI_GREETING', text, 'hello', 'what is said at the door'),
    variable('MLAPI_GREETING_TIMES', integer(1, 3), '1', 'how often'),
  ],
  read: (values, { isSet, mistakes }) => {
    if (isSet('MLAPI_GREETING') && !isSet('MLAPI_GREETING_TIMES'))
      mistakes.push('MLAPI_GREETING_TIMES must be set, too');
    return { greeting: values.text('MLAPI_GREETING'), times: values.number('MLAPI_GREETING_TIMES') };
  },
};

describe('groups of variables', () => {
  test('the variables of the core and of a feature become one frozen object', () => {
    const config = readVariables([coreGroup, greeting], { MLAPI_PORT: '1234' }, temporaryFolder());
    expect(config).toMatchObject({ port: 1234, greeting: 'hello', times: 1 });
    expect(Object.isFrozen(config)).toBe(true);
  });

  test('the errors of all groups are reported at once', () => {
    const given = { MLAPI_PORT: 'x', MLAPI_GREETING: 'hi', MLAPI_UNHEARD_OF: '1' };
    const read = () => readVariables([coreGroup, greeting], given, temporaryFolder());
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(/MLAPI_UNHEARD_OF is not a variable.*MLAPI_PORT must be.*MLAPI_GREETING_TIMES must be set/s);
  });

  test('a variable of a missing feature is an error', () => {
    const read = () => readVariables([coreGroup], { MLAPI_GREETING: 'hi' }, temporaryFolder());
    expect(read).toThrow('MLAPI_GREETING is not a variable of this service');
  });
});
