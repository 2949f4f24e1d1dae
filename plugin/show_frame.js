/* An operator of the App: go to a frame of a video, once it is open.
 *
 * FiftyOne's own `set_frame_number` reaches clips of images only: since the player of videos has no time line of that kind, its
 * request is lost (FiftyOne 1.22). The player itself can be asked, by what the App shares with plugins.
 */
(() => {
  const { Operator, OperatorConfig, registerOperator } = window.__foo__;
  const { modalLooker } = window.__fos__;
  const { useRecoilCallback } = window.recoil;
  const LOOK_AGAIN = 100; // milliseconds
  const STEADY = 5; // looks in a row at which the player has to be at the frame: while it opens a video it may go back
  const PATIENCE = 600; // looks at most
  let latest = 0;

  class ShowFrame extends Operator {
    get config() {
      return new OperatorConfig({ name: "show_frame", label: "Show a frame", unlisted: true });
    }

    useHooks() {
      return {
        player: useRecoilCallback(({ snapshot }) => () => snapshot.getLoadable(modalLooker).valueMaybe()),
      };
    }

    async execute({ hooks, params }) {
      const mine = ++latest; // a later click ends the wait of an earlier one
      for (let look = 0, steady = 0; look < PATIENCE && steady < STEADY && mine === latest; look++) {
        const player = hooks.player();
        const open = player?.state?.loaded && player.state.config.sampleId === params.sample_id;
        if (open && player.frameNumber === params.frame_number) steady++;
        else {
          steady = 0;
          if (open) player.seekToFrame(params.frame_number);
        }
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
      }
    }
  }

  registerOperator(ShowFrame, "@gcvos/gcvos");
})();
