var order = JSON.parse(context.getVariable('request.content'));
var total = 0;
for (var i = 0; i < order.items.length; i++) {
  total += order.items[i].qty * order.items[i].price;
}
context.setVariable('made.total', total);
