"""What `--help` prints."""

GENERAL = """\
kantor trains generative models and says, in numbers that can be trusted, how good they are.

  kantor train experiment=NAME [key=value …]     train, score, write a run directory and its page
  kantor train -m experiment=A,B seed=0,1,2      the same for every combination (Hydra's multirun)
  kantor train run=DIR budget.steps=N  go on with a finished run, as a new run
  kantor sample run=DIR n=64 out=PATH            samples from a run: .png, .npz or a directory
  kantor evaluate run=DIR [key=value …]          score a run again
  kantor evaluate images=PATH data=NAME out=DIR  score anybody's samples
  kantor compare DIR DIR … [out=DIR]             one table and one page for several runs
  kantor data NAME [data.key=value …]            check a data set: card and picture
  kantor status [DIR]                            every run below a directory
  kantor list [experiments|models|data|…]        what can be named
  kantor complete bash|zsh|fish                  completion for your shell
  kantor COMMAND --help                          more about one command

Words are key=value. run=latest names the newest run below outputs/.
Exit codes: 0 done, 2 the input is wrong, 130 stopped by Ctrl-C (saved), 143 by SIGTERM, 1 anything else.
KANTOR_TRACEBACK=1 shows tracebacks. KANTOR_TRUST=package lets a run's configuration name code of that package."""

COMMANDS = {
    "train": """\
kantor train experiment=NAME [key=value …] [-m] [--config-dir DIR] [--cfg]

Trains and scores one run in outputs/NAME/HASH-sSEED, where HASH names everything that determines the weights.
The same command again goes on with an unfinished run and does nothing with a finished one.

  experiment=NAME              see `kantor list experiments`
  seed=0                       another seed is another run
  budget.steps=N     or budget.images=N, or budget.minutes=M; exactly one: unset the others with =null
  data.batch_size=N            over all processes
  objective.*  optimisation.*  model.*   whatever `--cfg` shows
  stop=none                    or at_half: end when D(x) and D(G(z)) have come to ½
  trainer.accelerator=auto     cpu, gpu or mps
  trainer.devices=1            processes; several share each batch
  trainer.threads=auto         per process
  trainer.precision=32-true    or bf16-mixed, or auto: bf16 where the machine has it
  evaluation=toy               or quick, standard, jhu_legacy (pictures), none; evaluation.* changes it
  logger=csv                   or wandb, tensorboard, beside metrics.csv
  pictures=points              or images, line, none
  outputs=outputs              root of run directories
  rerun=true                   train a finished run again from the beginning

  --cfg                        print the configuration and stop
  --config-dir DIR             your own groups, such as DIR/experiment/mine.yaml
  -m, --multirun               every combination of comma-separated values; hydra/launcher=joblib runs them side by side

  kantor train run=DIR budget.steps=N   goes on with a finished run, as a new run that starts from a copy

Values follow Hydra's grammar: quote those with = ~ ( ) or spaces, as in 'key="a=b"'.
Ctrl-C saves and exits; the same command goes on. A second Ctrl-C stops at once.""",
    "sample": """\
kantor sample run=DIR [n=64] [seed=0] [weights=ema] [checkpoint=last] [out=PATH]

Draws samples. The first 64 of n=100 are those of n=64.

  run=DIR           or run=latest
  weights=ema       the generator's moving average, or raw
  checkpoint=last   or best, chosen by scores while training
  out=PATH          .png (a picture), .npz (`samples`: float32 (N, 2), or of pictures uint8
                    (N, H, W, C)), or a new or empty directory for one PNG each;
                    default: samples/samples.png in the run directory""",
    "evaluate": """\
kantor evaluate run=DIR [evaluation=NAME] [key=value …]
kantor evaluate images=PATH data=NAME out=DIR [evaluation=NAME] [evaluation.*] [data.*]

Scores a run again, from its own configuration with the given keys changed, and writes card and page anew.
Results of unlike protocols are kept side by side.

  evaluation=NAME         see `kantor list evaluations`
  evaluation.n=1024       samples in a draw; part of the protocol: only equal protocols are compared
  evaluation.draws=10     fresh draws; from 10 on their scatter gives intervals
  evaluation.seed=0       another random sample
  evaluation.weights=ema  or raw
  trainer.devices=2       processes; they change nothing in the result

With images=, somebody's samples are scored against data=NAME, and DIR gets a card: the array `samples` of an .npz
file, points (N, 2) or pictures uint8 (N, H, W, C), or a directory of pictures of the data set's size. They are dealt
out at random into draws of evaluation.n, and fewer draws are scored when there are not enough of them. Copies of
training pictures are counted; a set of nothing else is refused.
In Inception's features (evaluation=standard), torch-fidelity is asked too, and its scores are printed below.""",
    "compare": """\
kantor compare DIR DIR … [out=DIR]

Compares runs whose scores were made by the same protocol, and refuses otherwise, naming the field that differs.
DIR may be a run, a directory with runs below it, or a glob. With fewer than five seeds of each method the verdict
speaks of these runs, not of methods.

  out=DIR   gets compare.html (self-contained), compare.md and compare.csv""",
    "data": """\
kantor data NAME [data.key=value …] [out=DIR] [--config-dir DIR]

Checks a data set and shows what it is: a card on the terminal, a picture in DIR (default outputs/data/NAME).""",
    "status": """\
kantor status [DIR]

Every run below DIR (default outputs): state, progress, time left, primary score.""",
    "list": """\
kantor list [GROUP …] [--config-dir DIR]

What can be named on the command line, each with one line. GROUP is one of experiments, data, models, objectives,
optimisations, evaluations, trainers, stops, pictures and loggers.""",
    "complete": """\
kantor complete bash|zsh|fish

Prints a completion script. For this session: eval "$(kantor complete bash)"; for good, add that line to ~/.bashrc.
zsh: eval "$(kantor complete zsh)" in ~/.zshrc.  fish: kantor complete fish > ~/.config/fish/completions/kantor.fish""",
}
