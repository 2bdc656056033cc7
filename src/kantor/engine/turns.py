"""Several processes that train networks in turns, as a critic and its generator are."""

import torch
import torch.distributed
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor, nn


class InTurns(DDPStrategy):
    """The gradients that a backward pass has left, and no others, are averaged over the processes after it.

    DDP's own reducer knows one set of parameters. Told that some may be unused, it sends the gradients of all networks
    after each turn, those of the network that waits as well; but it sends while it computes, which is worth more where
    there is one network to train.
    """

    def configure_ddp(self) -> None:
        """Begin with rank 0's weights, as DDP does, and note whose gradients a pass leaves."""
        assert self.model is not None
        for tensor in (*self.model.parameters(), *self.model.buffers()):
            torch.distributed.broadcast(tensor.detach(), src=0)
        self._place = {weight: place for place, weight in enumerate(self.model.parameters())}
        self._reached: set[nn.Parameter] = set()
        for weight in self._place:
            if weight.requires_grad:
                weight.register_post_accumulate_grad_hook(self._reached.add)

    def pre_backward(self, closure_loss: Tensor) -> None:
        """Forget passes of measurements, which are no process's but its own."""
        self._reached.clear()

    def post_backward(self, closure_loss: Tensor) -> None:
        """Average in one message, in an order that is the same everywhere."""
        reached = sorted(self._reached, key=self._place.__getitem__)
        gradients = [weight.grad for weight in reached if weight.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients]).div_(self.world_size)
        torch.distributed.all_reduce(flat)
        means = flat.split([gradient.numel() for gradient in gradients])
        torch._foreach_copy_(gradients, [mean.view_as(own) for mean, own in zip(means, gradients, strict=True)])
