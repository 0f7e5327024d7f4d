"""handgrad: backpropagation worked by hand, for any network, by machine."""
from handgrad import ops
from handgrad.core.functional import grad, hessian, hvp, jacobian, value_and_grad, vjp
from handgrad.core.op import op
from handgrad.core.tensor import Tensor, tensor
