import type { NodeAPI } from 'node-red';
import { AppError } from '../../runtime/contracts/errors.ts';
import { defineNode } from '../lib/define-node.ts';
import { type Command, commandOf, rateLimit, VALVE } from './commands.ts';
import * as shape from './config.ts';
import { gpioLines, simulatedLines } from './lines.ts';
import { Motor } from './motor.ts';

/** A stepper motor, as of a valve: each command is answered at once at the first output, the end of each move is told at the second. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'stepper',
    shape,
    setup({ config, host, status, send }) {
      const { chip, step_pin: stepPin, dir_pin: dirPin, enable_pin: enablePin, invert } = config;
      const lines =
        config.driver === 'gpio' ? gpioLines({ chip, stepPin, dirPin, enablePin, invert }) : simulatedLines();
      const allow = rateLimit(config.max_per_second, host.clock);
      let valve: number = VALVE.first;
      const motor = new Motor({
        lines,
        clock: host.clock,
        stepsPerRev: config.steps_per_rev,
        least: config.min_position,
        most: config.max_position,
        onRest(how) {
          show();
          send([null, { topic: how, payload: whole() }]);
        },
      });
      const whole = () => ({
        ...motor.status(),
        steps_per_rev: config.steps_per_rev,
        default_rpm: config.rpm,
        valve_percent: valve,
      });
      const show = () => {
        const { enabled, moving, position_steps, last_error } = motor.status();
        if (last_error !== null) status.failed(last_error);
        else if (moving) status.working(`moves from ${position_steps}`);
        else if (enabled) status.ok(`at ${position_steps}`);
        else status.waiting(`off at ${position_steps}`);
      };
      const moveValve = (by: number) => {
        const next = valve + by;
        if (next < 0 || next > 100) throw new AppError('stepper.limit', `the valve stands at ${valve} %`);
        motor.move((Math.sign(by) * config.valve_steps * Math.abs(by)) / VALVE.piece, config.rpm);
        valve = next;
      };
      const run = async ({ name, steps = 0, rpm = config.rpm }: Command) => {
        if (name === 'enable') await motor.enable();
        else if (name === 'disable') await motor.disable();
        else if (name === 'abort') motor.abort();
        else if (name === 'step') motor.move(steps, rpm);
        else if (name === 'open') motor.move(config.open_steps, rpm);
        else if (name === 'close') motor.move(config.close_steps, rpm);
        else if (name === 'valve-open') moveValve(VALVE.piece);
        else if (name === 'valve-close') moveValve(-VALVE.piece);
        const asked = name === 'open' ? config.open_steps : name === 'close' ? config.close_steps : steps;
        return { command: name, steps: asked, rpm };
      };
      show();
      return {
        async onInput(msg, reply) {
          const command = commandOf(msg, config.max_rpm);
          allow(command.name);
          const done = await run(command);
          show();
          reply([{ ...msg, payload: { ...whole(), ...done } }, null]);
        },
        onClose: () => motor.close(),
      };
    },
  });
